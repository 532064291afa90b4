import type { Tensor } from '@volant/graph'
import { drawnGraph } from '../src/drawn-graph.js'
import { lesson } from '../src/lesson.js'
import type { Shape } from '../src/points.js'
import { Curve } from './curve.js'
import { drawGraph } from './graph-view.js'
import { gridPlaces, Surface } from './surface.js'
import { Training } from './training.js'
import { type Language, speak } from './words.js'

/** `?data=spirals&steps=500&seed=7&pace=0&lang=zh` */
const address = new URLSearchParams(location.search)
const steps = Number(address.get('steps') ?? 1500)
const seed = Number(address.get('seed') ?? 42)
/** Updates a frame, slow enough to watch. */
const pace = Number(address.get('pace') ?? 3)

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T
const [start, reset, shape, graph] = [
  element<HTMLButtonElement>('start'),
  element<HTMLButtonElement>('reset'),
  element<HTMLSelectElement>('shape'),
  element<HTMLDivElement>('graph'),
]
const surface = new Surface(element<HTMLCanvasElement>('surface'))
const curve = new Curve(element<HTMLCanvasElement>('curve'), steps)

let language: Language = (address.get('lang') ?? navigator.language).startsWith('zh') ? 'zh' : 'en'
let training: Training
let running = false
let finished = false

declare global {
  /** For tests: the weights of the finished training. */
  var trained: Promise<Map<string, Tensor>>
}

function begin(): void {
  finished = false
  run(false)
  curve.clear()
  for (const id of ['loss', 'right', 'speed']) element(id).textContent = '–'
  element('step').textContent = '0'
  const chosen = lesson(shape.value as Shape, { seed, steps })
  graph.innerHTML = drawGraph(drawnGraph(chosen))
  const mine = new Training(chosen, pace, ({ step, loss, rowsPerSecond }) => {
    curve.add(loss)
    element('step').textContent = `${step} / ${steps}`
    element('loss').textContent = loss.toFixed(3)
    element('speed').textContent = (rowsPerSecond / chosen.settings.batchSize).toFixed(0)
  })
  training = mine
  globalThis.trained = mine.done
  mine.done.then(finish, (error: Error) => mine === training && showError(error))
  watch(mine)
}

function run(on: boolean): void {
  running = on
  graph.classList.toggle('running', on)
  start.dataset['word'] = on ? 'pause' : 'start'
  start.disabled = finished
  speak(language)
}

function finish(): void {
  finished = true
  run(false)
}

/** Redraws for as long as this training is the one shown. */
async function watch(shown: Training): Promise<void> {
  const { points } = shown.lesson
  surface.draw(points)
  for (let seen = ''; shown === training; await new Promise(requestAnimationFrame)) {
    const step = element('step').textContent!
    if (step === seen) continue
    seen = step
    curve.draw()
    if (step === '0') continue
    const probabilities = await shown.probabilities(gridPlaces())
    if (!probabilities || shown !== training) return
    surface.draw(points, probabilities)
    element('right').textContent = `${(100 * surface.shareRight(points, probabilities)).toFixed(1)} %`
  }
}

function showError(error: Error): void {
  run(false)
  element('error').hidden = false
  element('error').textContent = error.message
}

start.addEventListener('click', () => {
  if (running) training.pause()
  else training.go()
  run(!running)
})
const startOver = async () => {
  const former = training
  begin()
  await former.end()
}
reset.addEventListener('click', startOver)
shape.addEventListener('change', startOver)
element('language').addEventListener('click', () => {
  language = language === 'en' ? 'zh' : 'en'
  speak(language)
})

shape.value = address.get('data') ?? 'spirals'
speak(language)
begin()
