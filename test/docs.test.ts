import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startServer } from '@volant/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { optionTable } from '../packages/cli/src/options.js'
import { commands } from '../packages/cli/src/program.js'

/** Every page a reader may come to; paths from the root. */
const pages = [
  'README.md',
  'CHANGELOG.md',
  'bench/README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => path.join('docs', name)),
  ...['packages', 'examples'].flatMap((folder) =>
    readdirSync(folder).map((name) => path.join(folder, name, 'README.md')),
  ),
].filter((file) => file.endsWith('.md') && existsSync(file))

/** The fenced blocks and inline code of a page. */
function codeOf(page: string): string {
  const blocks = /^ *```[^\n]*\n([\s\S]*?)^ *```$/gm
  const content = readFileSync(page, 'utf8')
  const inline = content.replace(blocks, '').matchAll(/`([^`\n]+)`/g)
  return [...content.matchAll(blocks), ...inline].map(([, code]) => code).join('\n')
}

describe('what the pages name exists', () => {
  it('finds the pages', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/http.md', 'packages/nn/README.md']))
  })

  it.each(pages)('files that %s links to', (page) => {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
    const files = links.filter((target) => !/^[a-z]+:|^#/.test(target)).map((target) => target.split('#')[0]!)
    expect(files.filter((file) => !existsSync(path.join(path.dirname(page), file)))).toEqual([])
  })

  it.each(pages)('scripts that %s runs', (page) => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    const named = [...codeOf(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, script]) => script!)
    expect(named.filter((script) => !Object.hasOwn(scripts, script))).toEqual([])
  })

  it.each(pages)('commands and options of volant that %s shows', (page) => {
    const unknown: string[] = []
    for (const [line, name] of codeOf(page).matchAll(/(?<![/\w@])volant ([a-z]+(?:-[a-z]+)*)\b[^\n|#]*/g)) {
      const command = commands.find((row) => row.name === name)
      if (!command) unknown.push(line)
      const known = command?.options.map((option) => optionTable[option].flags.split(' ')[0])
      for (const [flag] of line.matchAll(/(?<!\S)--[a-z-]+/g))
        if (!known?.includes(flag)) unknown.push(`${name} ${flag}`)
    }
    expect(unknown).toEqual([])
  })
})

describe('docs/http.md', () => {
  const dataFolder = mkdtempSync(path.join(tmpdir(), 'volant-docs-'))
  let server: Awaited<ReturnType<typeof startServer>>
  let served: string[]

  beforeAll(async () => {
    server = await startServer({ port: 0, dataFolder, logger: false })
    const { paths } = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>
    }
    served = Object.entries(paths).flatMap(([route, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${route}`),
    )
  })
  afterAll(async () => {
    await server?.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })

  const named = [
    ...readFileSync('docs/http.md', 'utf8').matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[\w/{}.-]*)/g),
  ].map(([, route]) => route!)

  it('names every route of the server', () => {
    expect(served.length).toBeGreaterThan(40)
    expect(served.filter((route) => !named.includes(route))).toEqual([])
  })

  it('names no other', () => {
    // The description and the page do not describe themselves.
    const apart = ['GET /api/openapi.json', 'GET /']
    expect(named.filter((route) => !served.includes(route) && !apart.includes(route))).toEqual([])
  })
})
