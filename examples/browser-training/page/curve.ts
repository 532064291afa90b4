/** The loss over the updates, drawn as it comes; thin: each update, thick: its running mean. */
export class Curve {
  readonly #context: CanvasRenderingContext2D
  #losses: number[] = []

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly steps: number,
  ) {
    this.#context = canvas.getContext('2d')!
  }

  clear(): void {
    this.#losses = []
    this.draw()
  }

  add(loss: number): void {
    this.#losses.push(loss)
  }

  draw(): void {
    const { width, height } = this.canvas
    const context = this.#context
    const style = getComputedStyle(this.canvas)
    const [ink, quiet] = [style.getPropertyValue('--forward'), style.getPropertyValue('--line')]
    const [left, bottom, top] = [width * 0.075, height * 0.92, height * 0.04]
    const highest = Math.max(0.8, ...this.#losses.slice(0, 40)) * 1.05
    const x = (step: number) => left + (step / this.steps) * (width * 0.96 - left)
    const y = (loss: number) => bottom - (Math.min(loss, highest) / highest) * (bottom - top)
    context.clearRect(0, 0, width, height)
    context.font = `${Math.round(width / 46)}px system-ui, sans-serif`
    context.lineWidth = 1
    for (let tick = 0; tick <= 4; tick++) {
      const loss = (highest * tick) / 4
      const ends = [left, width * 0.96].map((at): [number, number] => [at, y(loss)])
      this.#line(ends, quiet, 1, 0.35)
      this.#label(loss.toFixed(2), left - 8, y(loss), 'right')
      this.#label(String(Math.round((this.steps * tick) / 4)), x((this.steps * tick) / 4), height * 0.965, 'center')
    }
    this.#line(
      this.#losses.map((loss, i) => [x(i + 1), y(loss)]),
      ink,
      width / 700,
      0.35,
    )
    let mean = this.#losses[0] ?? 0
    const smooth = this.#losses.map((loss, i): [number, number] => {
      mean += (loss - mean) * Math.max(0.04, 1 / (i + 1))
      return [x(i + 1), y(mean)]
    })
    this.#line(smooth, ink, width / 240, 1)
  }

  #label(text: string, x: number, y: number, align: CanvasTextAlign): void {
    const context = this.#context
    context.fillStyle = getComputedStyle(this.canvas).getPropertyValue('--quiet')
    context.textAlign = align
    context.textBaseline = 'middle'
    context.fillText(text, x, y)
  }

  #line(points: readonly (readonly [number, number])[], colour: string, width: number, alpha: number): void {
    const context = this.#context
    context.globalAlpha = alpha
    context.strokeStyle = colour
    context.lineWidth = width
    context.lineJoin = 'round'
    context.beginPath()
    for (const [x, y] of points) context.lineTo(x, y)
    context.stroke()
    context.globalAlpha = 1
  }
}
