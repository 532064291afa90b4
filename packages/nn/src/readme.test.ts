import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const folder = fileURLToPath(new URL('..', import.meta.url))
const programs = [...readFileSync(`${folder}README.md`, 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(
  (match) => match[1]!,
)
const run = (program: string) =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder, encoding: 'utf8' })

it('the first program of the README runs and learns', () => {
  const [, loss] = /loss: ([\d.e-]+)/.exec(run(programs[0]!))!
  expect(Number(loss)).toBeLessThan(0.01)
})

it('so does the one of the linear solvers', () => {
  expect(run(programs[1]!)).toMatch(/Float32Array\(3\) \[\s+-[\d.]+,\s+[\d.]+,\s+-[\d.]+\s+\]/)
})
