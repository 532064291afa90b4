import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readPage } from './page.mjs'

const folder = 'docs/textbook'
const pages = readdirSync(folder).filter((file) => /^\d\d-.*\.md$/.test(file))

/** Words and numbers, without what only layouts them. */
const tokens = (text: string) => text.match(/-?\d+(\.\d+)?(e-?\d+)?|[A-Za-z_]\w*/g) ?? []

/** Printed numbers are float32, those of the page are rounded to five decimals. */
function expectPrinted(printed: string, expected: string): void {
  const [found, wanted] = [tokens(printed), tokens(expected)]
  expect(found.length, `${printed}\ninstead of ${expected}`).toBe(wanted.length)
  wanted.forEach((token, i) => {
    if (Number.isNaN(Number(token))) expect(found[i]).toBe(token)
    else expect(Number(found[i]), `${printed}\ninstead of ${expected}`).toBeCloseTo(Number(token), 4)
  })
}

describe('the textbook', () => {
  it('has pages', () => expect(pages.length).toBeGreaterThan(4))

  it.for(pages)('%s prints what it says', (page, { skip }) => {
    const { program, printed } = readPage(path.join(folder, page))
    const data = program.match(/\.\.\/shared\/data\/\w+/)?.[0]
    if (data && !existsSync(data)) skip(`there is no ${data}`)
    const output = execFileSync(process.execPath, ['test/page.mjs', path.join(folder, page)], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })
    expect(printed.length).toBeGreaterThan(0)
    expectPrinted(output, printed.join('\n'))
  })
})
