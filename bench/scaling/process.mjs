// One process of a data-parallel training: makes steps of the train-step network on its share of the batch, prints medians.
// node process.mjs SHARE_OF_BATCH THREADS STEPS            (under mpirun: one of several)
import { adamW, compileTraining, createRuntime, firstState, joinProcesses, optimiserScalars, Random } from '@volant/nn'
import { median } from '../contest/alternate.mjs'
import { encoderTraining } from '../contest/encoder.mjs'
import { normal } from '../contest/training.mjs'
import { settings, shape } from '../train-step/shape.mjs'

const [rows, threads, steps] = process.argv.slice(2).map(Number)
const group = await joinProcesses()
const { clip, learningRate, ...adam } = settings
const optimiser = adamW(adam)
const training = encoderTraining()
const parallel = group !== undefined
const compiled = compileTraining({ ...training, optimiser, clip, accumulate: true, parallel })
const runtime = createRuntime({ threads })
for (const [name, program] of Object.entries(compiled.programs)) await runtime.load(name, program)
await runtime.write(firstState(training.model, compiled, 1))
const random = new Random(2 + (group?.rank ?? 0))
const data = () => normal(random, rows, shape.time, shape.width)

const passes = []
const applies = []
for (let step = 0; step < steps; step++) {
  const batch = { x: data(), y: data() }
  const started = performance.now()
  await runtime.step('accumulate', batch, { lossWeight: 1 / (group?.size ?? 1) })
  const between = performance.now()
  await runtime.step('apply', {}, optimiserScalars(optimiser, step + 1, learningRate))
  passes.push(between - started)
  applies.push(performance.now() - between)
}
if (!group || group.rank === 0)
  process.stdout.write(`${JSON.stringify({ pass: median(passes.slice(2)), apply: median(applies.slice(2)) })}\n`)
await runtime.release()
group?.leave()
process.exit(0)
