import { z } from 'zod'
import { booleanInputSettings, booleanOutputSettings } from '../boolean/settings.js'
import { categoryInputSettings, categoryOutputSettings } from '../category/settings.js'
import { numberInputSettings, numberOutputSettings } from '../number/settings.js'
import { textInputSettings } from '../text/settings.js'
import { baseCandidates, tuneNames } from '../train/tuning-names.js'
import { durationSeconds } from './duration.js'

/** What `train.encoder` may say: `auto` tries what the time limit allows, the others train that candidate alone. */
export const encoderNames = ['auto', 'linear', 'tfidf', 'bag', 'cnn', 'bilstm', 'transformer', 'pretrained'] as const
export type EncoderName = (typeof encoderNames)[number]

/** A string is a type: `plan: category` is `plan: {type: category}`. */
function orTypeName<T extends z.ZodType>(settings: T, names: readonly string[]) {
  const shorthand = z.enum(names as [string, ...string[]]).transform((type) => ({ type }))
  return z.union([shorthand.pipe(settings as unknown as z.ZodType<z.infer<T>, { type: string }>), settings])
}

const inputSettings = z.discriminatedUnion('type', [
  textInputSettings,
  categoryInputSettings,
  numberInputSettings,
  booleanInputSettings,
])
const outputSettings = z.discriminatedUnion('type', [
  categoryOutputSettings,
  numberOutputSettings,
  booleanOutputSettings,
])

export type InputSettings = z.infer<typeof inputSettings>
export type OutputSettings = z.infer<typeof outputSettings>

const duration = z
  .union([z.number(), z.string()])
  .transform((value, context) => {
    const seconds = durationSeconds(value)
    if (seconds === undefined) {
      context.addIssue({
        code: 'custom',
        message: `expected a duration such as 90s, 5m or 1h, found ${JSON.stringify(value)}`,
      })
      return z.NEVER
    }
    return seconds
  })
  .describe('Chooses, by counted work and not by the clock, what may be tried: 90s, 5m, 1h.')

const ratios = z
  .tuple([z.number().min(0).max(1), z.number().min(0).max(1), z.number().min(0).max(1)])
  .refine(([train, valid, test]) => Math.abs(train + valid + test - 1) < 1e-6, {
    message: 'the three parts must sum to 1',
  })
  .refine(([train]) => train > 0, { message: 'the part to train on must be above 0' })

export const trainSettings = z.strictObject({
  seed: z.int().min(0).max(0xffff_ffff).default(42).describe('Same seed, data and versions: the same model.'),
  timeLimit: duration.default(300),
  encoder: z
    .enum(encoderNames)
    .default('auto')
    .describe(
      'auto tries what the time limit allows and keeps or blends; linear (= tfidf), bag, cnn, bilstm, transformer, pretrained train that alone.',
    ),
  base: z
    .string()
    .min(1)
    .optional()
    .describe('A pretrained encoder to start from: a folder of the Hugging Face layout, or a model of the hub.'),
  tune: z
    .enum(tuneNames)
    .optional()
    .describe(
      'What is learnt of a base: probe nothing, contrastive its vectors by pairs of a class, full all, top the upper layers, biases, lora and dora small adapters; auto: by the rows of a class.',
    ),
  learn: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Instead of tune: patterns of the parts of a base that are learnt, * within a name, ** for several: [encoder.layers.5, "**.norm"].',
    ),
  epochs: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Most passes over the data a network makes; by default its recipe says.'),
  split: ratios
    .nullable()
    .default(null)
    .describe('[train, valid, test]; null: 80/10/10, less what files are given for.'),
  refit: z.boolean().default(true).describe('After choosing, train the winner again on train + valid.'),
  candidates: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('The candidates an earlier training compared; written by it so that training the saved spec repeats it.'),
})

export type TrainSettings = z.infer<typeof trainSettings>

const fieldName = z
  .string()
  .min(1)
  .max(200)
  .refine((name) => name.trim() === name, { message: 'a field name must not start or end with a space' })

export const specSchema = z
  .strictObject({
    inputs: z
      .record(fieldName, orTypeName(inputSettings, ['text', 'category', 'number', 'boolean']))
      .refine((inputs) => Object.keys(inputs).length > 0, { message: 'at least one input is needed' }),
    outputs: z
      .record(
        fieldName.refine((name) => name !== 'error', {
          message: 'an output cannot be named "error": rename the column',
        }),
        orTypeName(outputSettings, ['category', 'number', 'boolean']),
      )
      .refine((outputs) => Object.keys(outputs).length > 0, { message: 'at least one output is needed' }),
    train: trainSettings.prefault({}),
  })
  .superRefine((spec, context) => {
    for (const name of Object.keys(spec.outputs)) {
      if (Object.hasOwn(spec.inputs, name)) {
        context.addIssue({
          code: 'custom',
          path: ['outputs', name],
          message: `"${name}" is an input too; a field is one or the other`,
        })
      }
    }
    for (const { path, message } of baseIssues(spec)) context.addIssue({ code: 'custom', path, message })
    const clash = sameTensorName([...Object.keys(spec.inputs), ...Object.keys(spec.outputs)])
    if (clash) {
      const part = Object.hasOwn(spec.inputs, clash) ? 'inputs' : 'outputs'
      context.addIssue({
        code: 'custom',
        path: [part, clash],
        message: `the name "${clash}" is taken by a tensor of the model; rename the column`,
      })
    }
  })

/** What does not go with `train.base`, or with its absence. */
function baseIssues({ inputs, train }: { inputs: Record<string, { type: string }>; train: TrainSettings }) {
  const { base, encoder, tune, learn } = train
  const needsBase = encoder === 'pretrained' && base === undefined
  const hasText = Object.values(inputs).some(({ type }) => type === 'text')
  return [
    needsBase && {
      path: ['train', 'encoder'],
      message: 'pretrained needs train.base (--base): the model to start from',
    },
    base !== undefined &&
      encoder !== 'auto' &&
      encoder !== 'pretrained' && {
        path: ['train', 'base'],
        message: `only the encoders auto and pretrained start from a base, not ${encoder}`,
      },
    base === undefined &&
      tune !== undefined && {
        path: ['train', 'tune'],
        message: `${tune} needs train.base (--base): the model to start from`,
      },
    base === undefined &&
      learn !== undefined && {
        path: ['train', 'learn'],
        message: 'it needs train.base (--base): the model whose parts it names',
      },
    tune !== undefined &&
      learn !== undefined && {
        path: ['train', 'learn'],
        message: `it says itself what is learnt of the base: leave out tune (${tune})`,
      },
    base !== undefined && !hasText && { path: ['train', 'base'], message: 'a base needs an input of type text' },
  ].filter((issue) => issue !== false)
}

/** Endings of the names of tensors that belong to a field. */
const tensorSuffixes = [
  '.ids',
  '.weights',
  '.probabilities',
  '.value',
  ...encoderNames.flatMap((name) => [`.${name}.ids`, `.${name}.weights`]),
]

/** Parameters are named by the candidate and at least two parts more. */
const parameterPath = new RegExp(`^(?:${[...encoderNames, ...baseCandidates, 'table'].join('|')})[.].*[.]`)

/** A field whose name is also the name of a tensor of another field, or may be that of a parameter. */
function sameTensorName(names: readonly string[]): string | undefined {
  const known = new Set(names)
  return names.find(
    (name) =>
      parameterPath.test(name) ||
      tensorSuffixes.some((suffix) => name.endsWith(suffix) && known.has(name.slice(0, -suffix.length))),
  )
}

/** A completed description of a model: every default filled in, plain JSON. It is what is stored, shown and compared. */
export type Spec = z.output<typeof specSchema>
/** A description as a person writes it. */
export type SpecInput = z.input<typeof specSchema>
