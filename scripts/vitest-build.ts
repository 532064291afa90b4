import { execFileSync } from 'node:child_process'

/** Workers and child processes start from dist, so it is built once before the first test. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' })
}
