import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { train } from '@volant/nn'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lesson } from '../examples/browser-training/src/lesson.js'
import { hasChromium, launchChromium } from './chromium.js'

const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
}
/** The browser's. */
declare const getComputedStyle: (node: unknown) => { readonly stroke: string }

const steps = 150
const seed = 7

describe.skipIf(!hasChromium)('training in a real browser (skipped where there is no Chromium)', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'volant-browser-'))
  const asked: string[] = []
  const errors: string[] = []
  let server: Server
  let browser: Browser
  let page: Page
  let origin = ''

  beforeAll(async () => {
    await build({ root: path.resolve('examples/browser-training'), logLevel: 'error', build: { outDir: folder } })
    server = createServer(({ url = '/' }, response) => {
      const { pathname } = new URL(url, 'http://localhost')
      const file = path.join(folder, pathname === '/' ? 'index.html' : pathname)
      if (!existsSync(file)) return response.writeHead(404).end()
      const type = types[path.extname(file)] ?? 'application/octet-stream'
      response.writeHead(200, { 'content-type': type }).end(readFileSync(file))
    }).listen(0, '127.0.0.1')
    await new Promise((listening) => server.once('listening', listening))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await launchChromium()
    page = await browser.newPage({ viewport: { width: 1400, height: 960 }, locale: 'en-GB' })
    page.on('pageerror', ({ message }) => errors.push(message))
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('request', (request) => asked.push(new URL(request.url()).protocol + new URL(request.url()).host))
  })

  afterAll(async () => {
    await browser?.close()
    server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const open = async (query: string) => {
    await page.goto(`${origin}/?seed=${seed}&pace=0&${query}`)
    await page
      .getByRole('button', { name: /Start|开始/ })
      .first()
      .waitFor()
  }
  const text = (id: string) => page.locator(`#${id}`).textContent()

  it.each(['moons', 'spirals'] as const)(
    `reaches the weights of the server after ${steps} updates: %s`,
    async (shape) => {
      await open(`data=${shape}&steps=${steps}`)
      await page.getByRole('button', { name: 'Start', exact: true }).click()
      const found = await page.evaluate(async () => {
        const { trained } = globalThis as unknown as { trained: Promise<Map<string, { data: Float32Array }>> }
        return [...(await trained)].map(([name, { data }]) => [name, [...data]] as const)
      })
      const { model: _, ...onServer } = lesson(shape, { seed, steps })
      const { parameters, history } = await train({ ...onServer.settings, threads: 1 })
      expect(history.at(-1)!.loss).toBeLessThan(0.75 * history[0]!.loss) // it has learnt: there is something to compare
      expect(found.map(([name]) => name)).toEqual([...parameters.keys()])
      let largest = 0
      for (const [name, weights] of found)
        parameters.get(name)!.data.forEach((weight, i) => {
          largest = Math.max(largest, Math.abs(Number(weight) - weights[i]!))
        })
      console.log(`${shape}: largest difference of a weight after ${steps} updates ${largest.toExponential(1)}`)
      expect(largest).toBeLessThan(1e-4)
      expect(await text('step')).toBe(`${steps} / ${steps}`)
    },
  )

  it('starts, pauses, goes on and starts over', async () => {
    await open('data=moons&steps=100000')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    const step = async () => Number((await text('step'))!.split(' ')[0])
    await expect.poll(step, { timeout: 20_000 }).toBeGreaterThan(20)
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.waitForTimeout(200)
    const paused = await step()
    await page.waitForTimeout(300)
    expect(await step()).toBe(paused)
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await expect.poll(step).toBeGreaterThan(paused)
    await expect.poll(() => text('right')).toMatch(/%/)
    await page.getByLabel('data').selectOption('rings')
    await expect.poll(() => text('step')).toBe('0')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await expect.poll(step, { timeout: 20_000 }).toBeGreaterThan(5)
    await page.getByRole('button', { name: 'Start over' }).click()
    await expect.poll(() => text('step')).toBe('0')
  })

  it('draws the graph with both halves, in two colours', async () => {
    await open('data=moons')
    const operations = (half: string) => page.locator(`#graph g.${half}:not(.port):has(text)`)
    expect(await operations('forward').locator('text').allTextContents()).toEqual([
      ...['linear', 'tanh', 'linear', 'tanh', 'linear', 'crossEntropy'],
    ])
    expect(await operations('backward').count()).toBeGreaterThan(10)
    expect(await page.locator('#graph g.backward.port').count()).toBe(6) // a gradient for each parameter
    const colour = (half: string) =>
      operations(half)
        .first()
        .locator('rect')
        .evaluate((node) => getComputedStyle(node).stroke)
    expect(await colour('forward')).not.toBe(await colour('backward'))
  })

  it('speaks Chinese, shows no error and asks no other machine', async () => {
    await page.getByRole('button', { name: '中文' }).click()
    await page.getByText('一次更新的计算图').waitFor()
    expect(errors).toEqual([])
    expect(new Set(asked.filter((from) => !from.startsWith('blob:') && !from.startsWith('data:')))).toEqual(
      new Set([`http:${new URL(origin).host}`]),
    )
  })
})
