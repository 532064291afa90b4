/** Measures the speed of a run and from it the time left. */
export class Clock {
  #started = performance.now()
  #firstStep = 0
  #rows = 0

  constructor(readonly totalSteps: number) {}

  /** Starts counting at a step that was reached before. */
  start(step: number): void {
    this.#started = performance.now()
    this.#firstStep = step
  }

  tick(step: number, rows: number): { rowsPerSecond: number; secondsLeft: number } {
    this.#rows += rows
    const seconds = (performance.now() - this.#started) / 1000
    const secondsLeft = (seconds * (this.totalSteps - step)) / (step - this.#firstStep)
    return { rowsPerSecond: this.#rows / seconds, secondsLeft }
  }
}
