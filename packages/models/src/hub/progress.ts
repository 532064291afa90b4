/** How far a download is. */
export interface PullProgress {
  /** The file that bytes arrived for last. */
  readonly file: string
  /** Bytes that are there, those of the cache included. */
  readonly bytes: number
  readonly total: number
  /** Of the last seconds. */
  readonly bytesPerSecond: number
  /** Null until a speed is known. */
  readonly secondsLeft: number | null
}

/** At most one event in so many ms, and the speed over so many. */
const EVERY = 200
const WINDOW = 5000

/** Counts bytes as they come and tells now and then, and at the end. */
export class ProgressCounter {
  private bytes = 0
  private told = 0
  /** [time, bytes that came over the network], oldest first. */
  private samples: [number, number][] = []
  private received = 0

  constructor(
    private readonly total: number,
    private readonly tell: (progress: PullProgress) => void = () => {},
  ) {}

  /** @param fetched did the bytes come over the network now, or were they there before? */
  add(file: string, count: number, fetched: boolean): void {
    this.bytes += count
    if (fetched) this.received += count
    const now = performance.now()
    if (now - this.told < EVERY && this.bytes < this.total) return
    this.told = now
    this.samples.push([now, this.received])
    while (this.samples.length > 2 && now - this.samples[0]![0] > WINDOW) this.samples.shift()
    const bytesPerSecond = this.speed()
    const secondsLeft = bytesPerSecond > 0 ? (this.total - this.bytes) / bytesPerSecond : null
    this.tell({ file, bytes: this.bytes, total: this.total, bytesPerSecond, secondsLeft })
  }

  private speed(): number {
    const [from, before] = this.samples[0]!
    const [to, after] = this.samples.at(-1)!
    return to > from ? ((after - before) / (to - from)) * 1000 : 0
  }
}
