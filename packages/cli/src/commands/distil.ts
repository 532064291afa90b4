import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { readTexts, shuffledIndices } from '@volant/data'
import {
  type DistilEvent,
  describeModel,
  distilEncoder,
  distilStatic,
  openEncoder,
  type PretrainedEncoder,
  partsOf,
  type Student,
  writeEncoder,
} from '@volant/models'
import { command } from '../command.js'
import { locate, publicName } from '../locate.js'
import type { OptionValues } from '../options.js'
import { checkFolder, stopped, unfinishedOf } from '../out.js'
import { sizeText, timeText } from '../terminal/chart.js'
import { type TaskProgress, taskProgress } from '../terminal/task-progress.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

const options = [
  'teacher',
  'out',
  'vocabulary',
  'layers',
  'static',
  'width',
  'quantise',
  'column',
  'mostTexts',
  'epochs',
  'seed',
  'threads',
  'force',
  'json',
] as const
type Given = OptionValues<(typeof options)[number]>

/** What is told of the result. */
interface Report {
  readonly model: string
  readonly teacher: { readonly name: string; readonly sha256: string; readonly licence: string | null }
  readonly texts: number
  readonly parameters: number
  readonly bytes: number
  /** Mean cosine to the teacher's vectors of texts that were not learnt on; none for static vectors, which have another width. */
  readonly agreement: { readonly before: number; readonly after: number } | null
  readonly seconds: number
}

export const distil = command({
  name: 'distil',
  summary: 'Make a small base of a large one: fewer pieces and layers, or static vectors, taught by texts of yours',
  arguments: [
    {
      name: 'texts...',
      description: '.txt or .md (a text a line), CSV, TSV, JSONL or Parquet files (also .gz)',
      required: true,
    },
  ],
  options,
  examples: [
    [
      'volant distil notes.txt --teacher MiniLM-L6 --vocabulary 12000 --quantise int8 --out base',
      'a quarter of the size',
    ],
    ['volant distil *.csv --column message --teacher MiniLM-L6 --layers 3 --out base', 'half of the layers'],
    ['volant distil notes.txt --teacher MiniLM-L6 --static --out base', 'token vectors, without a network'],
    ['volant train tickets.csv --outputs queue --base base --out model', 'then train with it'],
  ],
  async run(files, given, terminal) {
    checkUsage(given)
    await checkFolder(given.out!, given.force)
    const started = performance.now()
    const teacher = await openTeacher(given.teacher!, terminal)
    const progress = taskProgress(terminal)
    try {
      const texts = await gather(files as string[], given, terminal, progress)
      const made = await make(teacher.encoder, texts, given, terminal, progress)
      const seconds = (performance.now() - started) / 1000
      const told = {
        teacher: { ...teacher.encoder.description.base, licence: teacher.licence },
        texts: texts.length,
        seconds,
      }
      const { student, agreement } = made
      const encoder = { description: student.description, weights: async () => student.weights }
      await writeEncoder(given.out!, encoder, {
        quantise: given.quantise === 'int8' ? 'int8' : undefined,
        card: cardOf({ ...told, agreement }, given),
      })
      await rm(unfinishedOf(given.out!), { force: true })
      progress.end()
      const { bytes } = await describeModel(given.out!)
      const parameters = [...student.weights.values()].reduce((sum, { data }) => sum + data.length, 0)
      tell({ model: path.resolve(given.out!), ...told, parameters, bytes, agreement }, given, terminal)
    } finally {
      progress.end()
    }
  },
})

function checkUsage({ teacher, out, static: isStatic, layers, epochs, width, quantise }: Given): void {
  if (!teacher) throw new Usage('distil needs --teacher: the pretrained encoder to learn from')
  if (!out) throw new Usage('distil needs --out: the folder to write the base to')
  if (isStatic && (layers !== undefined || epochs !== undefined))
    throw new Usage('--static has no network: leave out --layers and --epochs')
  if (!isStatic && width !== undefined) throw new Usage('--width is for --static')
  if (quantise === '4bit') throw new Usage('distil writes float32 or int8 weights, not 4bit')
}

async function openTeacher(
  name: string,
  terminal: Terminal,
): Promise<{ encoder: PretrainedEncoder; licence: string | null }> {
  const folder = await locate(name, terminal)
  const { licence } = await describeModel(folder)
  return { encoder: await openEncoder(folder, publicName(name)), licence }
}

/** The parts of all texts, each once, in an order by the seed. */
async function gather(
  files: readonly string[],
  { column, mostTexts, seed = 42 }: Given,
  { signal }: Terminal,
  progress: TaskProgress,
): Promise<string[]> {
  progress.enter('Reading the texts')
  const parts = new Set<string>()
  for (const [place, file] of files.entries()) {
    for await (const text of readTexts(file, { column, signal })) for (const part of partsOf(text)) parts.add(part)
    progress.advance((place + 1) / files.length)
  }
  const all = [...parts]
  return Array.from(shuffledIndices(all.length, seed).subarray(0, mostTexts), (place) => all[place]!)
}

async function make(
  teacher: PretrainedEncoder,
  texts: readonly string[],
  given: Given,
  terminal: Terminal,
  progress: TaskProgress,
): Promise<{ student: Student; agreement: Report['agreement'] }> {
  const { vocabulary, layers, width, epochs, seed = 42, threads = availableParallelism() } = given
  const { signal } = terminal
  if (given.static) {
    progress.enter('The teacher reads the vocabulary')
    const onProgress = (fraction: number) => progress.advance(fraction)
    return {
      student: await distilStatic({ teacher, texts, vocabulary, width, threads, signal, onProgress }),
      agreement: null,
    }
  }
  const show = shower(progress)
  const settings = { teacher, texts, vocabulary, layers, epochs, seed, threads, signal }
  const checkpoint = unfinishedOf(given.out!)
  const student = await distilEncoder({ ...settings, checkpoint, onEvent: show }).catch((error) => {
    throw stopped(error, signal, 'The distillation was stopped', checkpoint)
  })
  return { student, agreement: student.agreement }
}

function shower(progress: TaskProgress): (event: DistilEvent) => void {
  let phase = ''
  const enter = (name: string) => {
    if (phase !== name) progress.enter(name)
    phase = name
  }
  return (event) => {
    if (event.type === 'vectors') {
      enter(event.by === 'teacher' ? 'The teacher reads the texts' : 'Measuring the student')
      progress.advance(event.done / event.of)
    } else if (event.type === 'step') {
      enter('The student learns')
      progress.advance(event.step / event.totalSteps, `loss ${event.loss.toFixed(4)}`)
    }
  }
}

function tell(report: Report, given: Given, terminal: Terminal): void {
  if (given.json) {
    terminal.print(JSON.stringify(report))
    return
  }
  const { agreement, parameters, bytes, texts, seconds } = report
  const learnt = agreement
    ? `Its vectors agree with the teacher's by ${agreement.after.toFixed(4)} (mean cosine; ${agreement.before.toFixed(4)} before it learnt).`
    : 'A table of token vectors; a text is the mean of its tokens.'
  terminal.print(
    `${given.out}: ${(parameters / 1e6).toFixed(1)} million parameters in ${sizeText(bytes)}, from ${texts} texts in ${timeText(seconds)}.\n${learnt}\nTrain with it: volant train data.csv --outputs … --base ${given.out} --out model`,
  )
}

/** README.md of the base, whose front matter hubs and `volant models show` read. */
function cardOf({ teacher, texts, agreement }: Pick<Report, 'teacher' | 'texts' | 'agreement'>, given: Given): string {
  const changes = [
    given.static && 'static token vectors',
    given.vocabulary !== undefined && `a vocabulary of ${given.vocabulary} pieces`,
    given.layers !== undefined && `${given.layers} layers`,
    given.quantise === 'int8' && '8-bit weights with a scale a row',
  ].filter((change) => typeof change === 'string')
  return `---
${teacher.licence === null ? '' : `license: ${teacher.licence}\n`}base_model: ${teacher.name}
tags: [sentence-similarity, volant]
---
# A base distilled from ${teacher.name}

Made by \`volant distil\` from ${teacher.name} (sha256 of its weights: ${teacher.sha256}), whose licence
(${teacher.licence ?? 'not stated in its folder'}) holds for this one too. ${changes.length > 0 ? `It has ${changes.join(', ')}.` : ''}
It was taught with ${texts} texts, of which it holds none.${agreement ? ` Mean cosine to the teacher's vectors of texts that it did not learn on: ${agreement.after.toFixed(4)}.` : ''}
`
}
