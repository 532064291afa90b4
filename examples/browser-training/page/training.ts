import type { Tensor } from '@volant/graph'
import { compileEvaluation, type Runtime, type TrainEvent, train } from '@volant/nn'
import { createRuntime } from '@volant/nn/web'
import type { Lesson } from '../src/lesson.js'

type StepEvent = Extract<TrainEvent, { type: 'step' }>

/** One run of a lesson in a worker of its own: it can pause, look at the model between two updates, and be ended. */
export class Training {
  readonly #runtime: Runtime
  readonly #end = new AbortController()
  #gate: Promise<void> = Promise.resolve()
  #open = () => {}
  #budget = 0
  readonly lesson: Lesson
  /** Resolves to the weights by path. */
  readonly done: Promise<Map<string, Tensor>>

  /** `pace` is the number of updates a frame; 0: as fast as it goes. It starts paused. */
  constructor(
    lesson: Lesson,
    readonly pace: number,
    onStep: (event: StepEvent) => void,
  ) {
    this.lesson = lesson
    this.#runtime = createRuntime({
      on: new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
    })
    this.pause()
    const { settings } = lesson
    this.done = this.#loadPrediction().then(async () => {
      const { parameters } = await train({
        ...settings,
        runtime: this.#runtime,
        signal: this.#end.signal,
        data: {
          ...settings.data,
          batch: async (rows, random) => {
            await this.#turn()
            return settings.data.batch(rows, random)
          },
        },
        onEvent: (event) => event.type === 'step' && onStep(event),
      })
      return parameters
    })
  }

  pause(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  go(): void {
    this.#open()
  }

  /** Probabilities of the classes at each place, with the present weights; undefined once the training has ended. */
  async probabilities(places: Tensor): Promise<Float32Array | undefined> {
    try {
      const { probabilities } = await this.#runtime.step('predict', { x: places })
      return probabilities!.data as Float32Array
    } catch (error) {
      if (this.#end.signal.aborted) return undefined
      throw error
    }
  }

  async end(): Promise<void> {
    this.#end.abort()
    this.#open()
    await this.#runtime.release()
  }

  async #loadPrediction(): Promise<void> {
    const { settings, predict } = this.lesson
    await this.#runtime.load('predict', compileEvaluation(settings.model, settings.inputs, predict))
  }

  /** Waits while paused, and for the next frame when this one has had its updates. */
  async #turn(): Promise<void> {
    await this.#gate
    if (this.pace === 0 || ++this.#budget % this.pace !== 0) return
    await new Promise(requestAnimationFrame)
  }
}
