/** The stages of a training, in order. */
export type TrainPhase = 'read' | 'baselines' | 'search' | 'choose' | 'refit' | 'evaluate' | 'write'

/** What a training tells while it runs: plain JSON, so that it can be sent between processes. */
export type TrainEvent =
  | { kind: 'phase'; phase: TrainPhase; message: string; fraction: number; secondsLeft: number | null }
  | { kind: 'progress'; phase: TrainPhase; candidate?: string; fraction: number; secondsLeft: number | null }
  | { kind: 'metric'; candidate: string; epoch: number; output: string; metric: string; value: number; loss?: number }
  | { kind: 'note'; message: string }

/** Least time between two `progress` events, in milliseconds. */
const quiet = 200

/** Turns the work done into events with the fraction of the whole run and the seconds left. */
export class Progress {
  readonly notes: string[] = []
  private readonly started = performance.now()
  private readonly planned = new Map<TrainPhase, number>()
  private done = 0
  private furthest = 0
  private phase: TrainPhase = 'read'
  /** Where the present part lies within its phase, 0 … 1. */
  private part = { from: 0, share: 1 }
  private lastSaid = 0

  constructor(private readonly say: (event: TrainEvent) => void) {}

  /** Foretells the work of phases, in any unit; may be called again when more is known. */
  plan(work: Partial<Record<TrainPhase, number>>): void {
    for (const [phase, amount] of Object.entries(work)) this.planned.set(phase as TrainPhase, amount)
  }

  /** `piece` says which part of the phase begins, and the work of all its parts. */
  enter(phase: TrainPhase, message: string, piece?: { part: number; of: readonly number[] }): void {
    if (phase !== this.phase) this.done += this.planned.get(this.phase) ?? 0
    this.phase = phase
    this.part = piece ? partOf(piece) : { from: 0, share: 1 }
    this.say({ kind: 'phase', phase, message, ...this.position(0) })
  }

  /** `within` is the done share of the present part, 0 … 1. */
  advance(within: number, candidate?: string): void {
    const now = performance.now()
    if (now - this.lastSaid < quiet) return
    this.lastSaid = now
    this.say({ kind: 'progress', phase: this.phase, candidate, ...this.position(within) })
  }

  metric(point: Omit<Extract<TrainEvent, { kind: 'metric' }>, 'kind'>): void {
    this.say({ kind: 'metric', ...point })
  }

  /** Keeps a note for the report without telling it now: the caller has said it. */
  keep(message: string): void {
    if (!this.notes.includes(message)) this.notes.push(message)
  }

  note(message: string): void {
    if (this.notes.includes(message)) return
    this.keep(message)
    this.say({ kind: 'note', message })
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.started) / 1000
  }

  private position(within: number): { fraction: number; secondsLeft: number | null } {
    const total = [...this.planned.values()].reduce((sum, work) => sum + work, 0)
    if (total === 0) return { fraction: 0, secondsLeft: null }
    const here = (this.planned.get(this.phase) ?? 0) * (this.part.from + this.part.share * Math.min(1, within))
    // Plans change on the way; what was told is not taken back.
    this.furthest = Math.max(this.furthest, Math.min(0.999, (this.done + here) / total))
    const fraction = this.furthest
    return { fraction, secondsLeft: fraction < 0.02 ? null : (this.seconds * (1 - fraction)) / fraction }
  }
}

function partOf({ part, of }: { part: number; of: readonly number[] }): { from: number; share: number } {
  const total = of.reduce((sum, work) => sum + work, 0)
  if (total === 0) return { from: 0, share: 1 }
  return { from: of.slice(0, part).reduce((sum, work) => sum + work, 0) / total, share: of[part]! / total }
}
