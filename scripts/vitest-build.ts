import { spawnSync } from 'node:child_process'

/** Workers and child processes start from dist, so it is built once before the first test. */
export default function setup(): void {
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status === 0) return
  // While one package is being changed, the tests of the others still run on what was emitted.
  if (process.env['CI']) throw new Error('The build failed: see above.')
  console.warn('The build failed: see above. Tests run on what could be built.')
}
