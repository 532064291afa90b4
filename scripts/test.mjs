// Runs vitest (arguments are passed on) and closes with what was skipped and the line `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'

const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-test-'))
const file = path.join(folder, 'report.json')
const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...process.argv.slice(2)]
const { status } = spawnSync(process.execPath, [vitest, ...args], { stdio: ['ignore', 'inherit', 'inherit'] })

if (!fs.existsSync(file)) {
  console.log('0 passed, 1 failed')
  process.exit(1)
}
const report = JSON.parse(fs.readFileSync(file, 'utf8'))
fs.rmSync(folder, { recursive: true })
const tests = report.testResults.flatMap((result) => result.assertionResults)
const skipped = tests.filter((test) => ['pending', 'skipped', 'todo'].includes(test.status))
const flaky = tests.filter((test) => test.status === 'passed' && test.failureMessages.length > 0)
const broken = report.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0)
for (const test of skipped) console.log(`skipped: ${test.fullName}`)
for (const test of flaky)
  console.log(`passed only on its second try: ${test.fullName}: ${test.failureMessages[0].split('\n')[0]}`)
for (const result of broken) console.log(`did not load: ${result.name}`)
const failed = report.numFailedTests + broken.length
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped.length ? `, ${skipped.length} skipped` : ''}`)
process.exit(status || failed || !report.numPassedTests ? 1 : 0)
