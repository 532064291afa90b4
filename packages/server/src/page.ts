import { existsSync } from 'node:fs'
import path from 'node:path'
import fastifyStatic from '@fastify/static'
import { VolantError } from '@volant/data'
import type { App } from './api.js'

const policy =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

/** Throws `bad-static-folder` when a folder holds no page. */
export function checkPage(folder: string): void {
  if (existsSync(path.join(folder, 'index.html'))) return
  throw new VolantError(
    'bad-static-folder',
    `"${folder}" has no index.html; build the page first or leave the folder out.`,
    { folder },
  )
}

/** Serves a folder of static files at `/`. */
export async function servePage(app: App, folder: string): Promise<void> {
  const root = path.resolve(folder)
  await app.register(async (page) => {
    openRoutes(page)
    await page.register(fastifyStatic, {
      root,
      cacheControl: false,
      setHeaders: (reply, file) => headersOf(reply, file),
    })
  })
}

/** Routes that an app registers from here on need no key. */
export function openRoutes(app: App): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, scope: 'open' }
  })
}

function headersOf(reply: { setHeader(name: string, value: string): void }, file: string): void {
  const lasting = file.includes(`${path.sep}assets${path.sep}`)
  reply.setHeader('cache-control', lasting ? 'public, max-age=31536000, immutable' : 'no-cache')
  if (file.endsWith('.html')) reply.setHeader('content-security-policy', policy)
}
