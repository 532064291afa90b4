import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, realpath, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { VolantError } from '@volant/data'

export interface Guard {
  release(): Promise<void>
}

/** What a process says on its socket: it has the folder, or it is still looking whether others do. */
interface Claim {
  pid: number
  state: 'owner' | 'looking'
}

/** Longer socket paths are cut by the operating system without a word. */
const longestSocketPath = 100
const giveUpAfterMs = 5000

/**
 * Makes sure that one process only works in a data folder: two would overwrite each other's rows. Every process listens
 * on a socket with a name of its own and then asks all others there; it has the folder when none is alive. Of two that
 * ask at the same moment the one with the lower name waits for the other to step back. The system closes the socket of
 * a process that dies, even by kill -9; the name it leaves is cleared away.
 * The sockets lie in `guard/` in the folder, in /tmp under a hash of it where that path is too long or holds no
 * sockets; on Windows one named pipe does it all. Throws `data-folder-in-use` {folder, pid}.
 */
export async function guardFolder(folder: string): Promise<Guard> {
  const real = await realpath(folder)
  const short = `volant-${createHash('sha256').update(real).digest('hex').slice(0, 24)}`
  if (process.platform === 'win32') return await guardByPipe(folder, `\\\\.\\pipe\\${short}`)
  const name = `${process.pid}-${randomUUID().slice(0, 8)}.sock`
  const inside = path.join(real, 'guard')
  const fits = Buffer.byteLength(path.join(inside, name)) <= longestSocketPath
  const guard = fits ? await guardBySockets(folder, inside, name) : undefined
  return guard ?? (await guardBySockets(folder, path.join('/tmp', short), name)) ?? refuse(folder, undefined)
}

/** Undefined where `place` can hold no sockets, as some shared and network folders. */
async function guardBySockets(folder: string, place: string, name: string): Promise<Guard | undefined> {
  const claim: Claim = { pid: process.pid, state: 'looking' }
  const deadline = Date.now() + giveUpAfterMs
  for (;;) {
    await mkdir(place, { recursive: true, mode: 0o700 })
    const server = await listenOn(path.join(place, name), claim)
    if (server === 'taken') throw new Error(`The name ${name} is taken in ${place}.`)
    if (server === 'impossible') return undefined
    const other = await findOther(place, name)
    if (!other) {
      claim.state = 'owner'
      return { release: () => close(server) }
    }
    await close(server)
    if (other.state === 'owner' || Date.now() > deadline) refuse(folder, other.pid)
    await pause(20 + Math.random() * 80)
  }
}

/** The process that keeps us from having the folder, if any. */
async function findOther(place: string, own: string): Promise<Claim | undefined> {
  for (const name of await readdir(place)) {
    if (name === own || !name.endsWith('.sock')) continue
    for (;;) {
      const claim = await ask(path.join(place, name))
      if (!claim) {
        await unlink(path.join(place, name)).catch(() => {})
        break
      }
      if (claim.state === 'owner' || name < own) return { ...claim, pid: claim.pid || Number.parseInt(name, 10) }
      await pause(20)
    }
  }
  return undefined
}

async function guardByPipe(folder: string, address: string): Promise<Guard> {
  const server = await listenOn(address, { pid: process.pid, state: 'owner' })
  if (typeof server !== 'string') return { release: () => close(server) }
  return refuse(folder, (await ask(address))?.pid)
}

function listenOn(address: string, claim: Claim): Promise<Server | 'taken' | 'impossible'> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(JSON.stringify(claim))
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (/^(EADDRINUSE|EACCES)$/.test(error.code ?? '')) resolve('taken')
      else if (/^(ENOTSUP|EOPNOTSUPP|EPERM|EINVAL)$/.test(error.code ?? '')) resolve('impossible')
      else reject(error)
    })
    server.listen(address, () => resolve(server))
  })
}

/** What the process at `address` says; undefined when nobody is there. One that does not answer is taken for an owner. */
function ask(address: string): Promise<Claim | undefined> {
  return new Promise((resolve) => {
    const silent: Claim = { pid: 0, state: 'owner' }
    const socket = connect(address)
    let said = ''
    socket.setTimeout(2000, () => {
      socket.destroy()
      resolve(silent)
    })
    socket.on('data', (chunk) => {
      said += chunk
    })
    socket.on('end', () => resolve(parsed(said) ?? silent))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(/^(ECONNREFUSED|ENOENT|ENOTSOCK|ECONNRESET)$/.test(error.code ?? '') ? undefined : silent)
    })
  })
}

function parsed(said: string): Claim | undefined {
  try {
    return JSON.parse(said) as Claim
  } catch {
    return undefined
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

function refuse(folder: string, pid: number | undefined): never {
  const who = pid ? `process ${pid}` : 'another process'
  throw new VolantError(
    'data-folder-in-use',
    `The data folder "${folder}" is in use by ${who}. Stop it, or start with another folder (--data).`,
    { folder, pid },
  )
}
