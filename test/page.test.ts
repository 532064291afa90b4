import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { VolantClient } from '@volant/client'
import { startServer } from '@volant/server'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchChromium } from './chromium.js'

const subjects = {
  card: [
    'my card is lost',
    'the card was swallowed',
    'a new card please',
    'card blocked since monday',
    'when does my card arrive',
  ],
  money: [
    'transfer not received',
    'refund of the money',
    'the transfer is late',
    'wrong amount of money sent',
    'money missing',
  ],
  login: [
    'password forgotten',
    'cannot log in',
    'the login code never comes',
    'reset the password',
    'login page is blank',
  ],
}
const rows = Object.entries(subjects).flatMap(([queue, texts]) =>
  texts.flatMap((text) =>
    ['today', 'since friday', 'again', 'please help'].map((end) => ({ message: `${text} ${end}`, queue })),
  ),
)

describe.skipIf(!hasChromium)('the page, in a real browser (skipped where there is no Chromium)', () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'volant-page-'))
  let server: Awaited<ReturnType<typeof startServer>>
  let browser: Browser
  let page: Page
  const errors: string[] = []

  beforeAll(async () => {
    server = await startServer({
      port: 0,
      dataFolder,
      staticFolder: path.resolve('packages/console/dist'),
      logger: false,
    })
    const client = new VolantClient({ url: server.url })
    await client.createProject({
      id: 'desk',
      name: 'Help desk',
      need: {
        forWhom: 'support',
        kpi: 'mails routed right',
        worth: { minutesPerItem: 2, costPerHour: 40, currency: 'EUR', itemsPerMonth: 3000 },
      },
      spec: { inputs: { message: 'text' }, outputs: { queue: 'category' } },
    })
    const desk = client.project('desk')
    await desk.addRows(rows)
    await desk.freezeTestSet({ share: 0.3 })
    const run = await desk.finished((await desk.train({ timeLimit: '20s' })).id)
    await desk.deploy({ champion: run.version! })
    await desk.predict({
      rows: [
        { message: 'please call 0171 2345678 about my lost card' },
        { message: 'the password again' },
        { message: 'where is the money' },
      ],
    })
    browser = await launchChromium()
    page = await browser.newPage({ viewport: { width: 1400, height: 1100 }, locale: 'en-GB' })
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(server.url)
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })

  it('shows the loop with live numbers', async () => {
    await page.locator('[data-stage=collect]', { hasText: '60 rows' }).waitFor()
    await page.locator('[data-stage=needs]', { hasText: 'mails routed right' }).waitFor()
    await page.getByTestId('curve-points').waitFor()
  })

  it('asks about uncertain rows, masked, and takes answers by keyboard', async () => {
    const client = new VolantClient({ url: server.url }).project('desk')
    const question = page.getByTestId('question')
    await question.waitFor()
    expect(await page.content()).not.toContain('2345678')
    for (let answered = 1; answered <= 3; answered++) {
      await question.waitFor()
      await page.keyboard.press(answered === 2 ? '2' : '1')
      await page.getByText(answered === 1 ? '1 answer given here' : `${answered} answers given here`).waitFor()
    }
    const { items } = await client.feedbackList({ kind: 'label' })
    expect(items).toHaveLength(3)
  })

  it('answers the form made from the spec and takes a correction', async () => {
    await page.getByLabel('message').fill('I forgot my password and cannot log in')
    await page.getByRole('button', { name: 'Predict' }).click()
    await page.getByTestId('answer-queue').waitFor()
    expect(await page.getByTestId('answer-queue').textContent()).toBe('login')
    await page.getByTestId('try-result').getByRole('button', { name: 'Right' }).click()
    await page.getByText('Thank you. This correction counts').waitFor()
  })

  it('improves at a click and says what the gate decided', async () => {
    await page.getByRole('button', { name: 'Improve now' }).click()
    const iteration = page.getByTestId('iteration').first()
    await iteration.waitFor({ timeout: 60_000 })
    await expect.poll(() => iteration.textContent(), { timeout: 60_000 }).toMatch(/promoted|not proven better|worse/)
  })

  it('speaks Chinese', async () => {
    await page.getByRole('button', { name: '中文' }).click()
    await page.getByText('各轮迭代的准确率').waitFor()
    await page.getByRole('button', { name: 'English' }).click()
    await page.getByText('Accuracy by iteration').waitFor()
  })

  it('threw no error on the way', () => {
    expect(errors).toEqual([])
  })
})
