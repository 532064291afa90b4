import { createHash } from 'node:crypto'
import { realpath, rename, stat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import path from 'node:path'
import { VolantError } from '@volant/data'

/** Longer socket paths are cut by the operating system without a word. */
const longestSocketPath = 100

/**
 * Makes sure one process only works in a data folder: two would overwrite each other's rows. The guard is a socket on
 * which the owner tells its pid: a file in the folder; where its path is too long or the folder holds no sockets, one in
 * /tmp named by a hash of the folder; a named pipe on Windows. The system closes it when the process dies, even by
 * kill -9. What a dead owner left behind is cleared away. Throws `data-folder-in-use` {folder, pid}.
 */
export async function guardFolder(folder: string): Promise<{ release(): Promise<void> }> {
  const short = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex')
    .slice(0, 24)
  const inside = path.join(await realpath(folder), 'volant.sock')
  const outside = process.platform === 'win32' ? `\\\\.\\pipe\\volant-${short}` : `/tmp/volant-${short}.sock`
  let address = process.platform !== 'win32' && Buffer.byteLength(inside) <= longestSocketPath ? inside : outside
  for (let attempt = 0; attempt < 5; attempt++) {
    const server = await listenOn(address)
    if (server === 'impossible here' && address === inside) {
      address = outside
      continue
    }
    if (server === 'impossible here') break
    if (server) return { release: () => new Promise((resolve) => server.close(() => resolve())) }
    const before = await inode(address)
    const owner = await askOwner(address)
    if (owner) throw inUse(folder, owner.pid)
    await clearStale(address, before)
  }
  throw inUse(folder, undefined)
}

/** The listening server; undefined when the address is taken (by somebody or by what somebody left). */
function listenOn(address: string): Promise<Server | 'impossible here' | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(JSON.stringify({ pid: process.pid }))
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE' || (error.code === 'EACCES' && process.platform === 'win32')
      if (taken) resolve(undefined)
      // Some shared and network folders hold no sockets.
      else if (/^(ENOTSUP|EOPNOTSUPP|EPERM|EINVAL)$/.test(error.code ?? '')) resolve('impossible here')
      else reject(error)
    })
    server.listen(address, () => resolve(server))
  })
}

/** The process that answers at `address`; undefined when nobody listens there any more. */
function askOwner(address: string): Promise<{ pid: number | undefined } | undefined> {
  return new Promise((resolve) => {
    const socket = connect(address)
    let said = ''
    socket.setTimeout(2000, () => {
      socket.destroy()
      resolve({ pid: undefined })
    })
    socket.on('data', (chunk) => {
      said += chunk
    })
    socket.on('end', () => resolve({ pid: pidIn(said) }))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const gone = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
      resolve(gone ? undefined : { pid: undefined })
    })
  })
}

function pidIn(text: string): number | undefined {
  try {
    return (JSON.parse(text) as { pid?: number }).pid
  } catch {
    return undefined
  }
}

/** Takes the dead socket file away, but puts it back when another process has just made it its own. */
async function clearStale(address: string, before: number | undefined): Promise<void> {
  if (before === undefined) return
  const aside = `${address}.${process.pid}`
  try {
    await rename(address, aside)
    if ((await inode(aside)) === before) await unlink(aside)
    else await rename(aside, address)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function inode(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.ino
}

function inUse(folder: string, pid: number | undefined): VolantError {
  const who = pid === undefined ? 'another process' : `process ${pid}`
  return new VolantError(
    'data-folder-in-use',
    `The data folder "${folder}" is in use by ${who}. Stop it, or start with another folder (--data).`,
    { folder, pid },
  )
}
