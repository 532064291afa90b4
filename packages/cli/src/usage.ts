/** The command line was used wrongly: exit code 2. */
export class Usage extends Error {
  override name = 'Usage'
}
