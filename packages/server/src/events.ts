import { EventEmitter } from 'node:events'

/** Something that the page may want to show anew. */
export interface LoopEvent {
  kind: 'run' | 'dataset' | 'endpoint' | 'iteration' | 'feedback' | 'predictions' | 'test-set'
  at: string
  id?: string
  state?: string
  progress?: unknown
  count?: number
}

/** What happens in the loop of each project, told to whoever listens in this process. */
export class Events {
  readonly #emitter = new EventEmitter().setMaxListeners(0)

  emit(project: string, event: Omit<LoopEvent, 'at'>): void {
    this.#emitter.emit(project, { at: new Date().toISOString(), ...event } satisfies LoopEvent)
  }

  /** Returns the function that ends listening. */
  listen(project: string, heard: (event: LoopEvent) => void): () => void {
    this.#emitter.on(project, heard)
    return () => this.#emitter.off(project, heard)
  }
}
