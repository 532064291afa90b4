import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { syncFolder } from '../files.js'
import { type Line, linesOf } from './lines.js'

/** Where the journal is: byte `offset` of segment file number `segment`. */
export interface Position {
  segment: number
  offset: number
}

/** The journal's files `00000001.log`, `00000002.log`, … in a folder. */
export class Segments {
  private constructor(readonly folder: string) {}

  static async open(folder: string): Promise<Segments> {
    await mkdir(folder, { recursive: true })
    await syncFolder(path.dirname(folder))
    return new Segments(folder)
  }

  file(segment: number): string {
    return path.join(this.folder, `${String(segment).padStart(8, '0')}.log`)
  }

  /** Numbers of the files that are there, ascending. */
  async list(): Promise<number[]> {
    const names = await readdir(this.folder)
    const numbers = names.filter((name) => /^\d{8}\.log$/.test(name)).map((name) => Number(name.slice(0, 8)))
    return numbers.sort((a, b) => a - b)
  }

  async size(segment: number): Promise<number> {
    return (await stat(this.file(segment))).size
  }

  async remove(segment: number): Promise<void> {
    await rm(this.file(segment), { force: true })
  }

  lines(segment: number, from = 0): AsyncGenerator<Line> {
    return linesOf(createReadStream(this.file(segment), { start: from, highWaterMark: 1 << 20 }), from)
  }

  /**
   * Cuts off what a process that died in the middle of a write left at the end of a file; returns how many bytes.
   * Nothing that was acknowledged is there: an acknowledged line is whole.
   */
  async cutTornTail(segment: number, from: number): Promise<number> {
    let good = from
    let end = from
    for await (const line of this.lines(segment, from)) {
      end = line.end
      if (line.entries) good = line.end
    }
    if (end === good) return 0
    const handle = await open(this.file(segment), 'r+')
    try {
      await handle.truncate(good)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return end - good
  }
}
