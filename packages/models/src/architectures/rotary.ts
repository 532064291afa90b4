import type { GptOptions } from '@volant/nn'
import { ModelsError } from '../errors.js'
import type { Config } from './config.js'

/** Frequencies for longer texts than those of the first training; `at` holds the scaling's settings. */
type Scaling = (frequencies: readonly number[], at: Config) => number[]

/** By their `rope_type`. */
const scalings: Readonly<Record<string, Scaling | undefined>> = {
  default: undefined,
  /** Positions that lie closer together (Chen et al. 2023, "Extending context window of large language models"). */
  linear: (frequencies, at) => frequencies.map((frequency) => frequency / at.number('factor', { least: 1 })),
  llama3: scaledAsLlama3,
  longrope: scaledByFactors,
}

/**
 * Llama 3.1 (Dubey et al. 2024): long wavelengths are stretched by the factor, short ones are left, those between go from one to
 * the other as the number of turns within the first context says.
 */
function scaledAsLlama3(frequencies: readonly number[], at: Config): number[] {
  const factor = at.number('factor', { least: 1 })
  const low = at.number('low_freq_factor')
  const high = at.number('high_freq_factor', { least: low })
  const context = at.size('original_max_position_embeddings')
  return frequencies.map((frequency) => {
    const turns = (context * frequency) / (2 * Math.PI)
    if (turns >= high) return frequency
    const share = turns <= low ? 0 : (turns - low) / (high - low)
    return (frequency * (1 - share)) / factor + frequency * share
  })
}

/**
 * Each frequency by a factor of its own (Ding et al. 2024, "LongRoPE"), the same for short and for long texts. The factors of GGUF
 * files are put down so too.
 */
function scaledByFactors(frequencies: readonly number[], at: Config): number[] {
  const factors = at.numbers('long_factor', frequencies.length)
  const isOne = String(at.numbers('short_factor', frequencies.length)) === String(factors)
  if (!isOne || at.number('attention_factor', { or: 0 }) !== 1)
    throw new ModelsError(
      'bad-config',
      `${at.source}: of "longrope" only one list of factors ("short_factor" equal to "long_factor") with "attention_factor" 1 is computed; take another model.`,
    )
  return frequencies.map((frequency, i) => frequency / factors[i]!)
}

/** How a config.json turns queries and keys: in `rope_parameters`, in old files `rope_theta` and `rope_scaling`. */
export function rotarySettings(
  config: Config,
  headWidth: number,
): Pick<GptOptions, 'rotaryBase' | 'rotaryFrequencies'> {
  const rope = config.section('rope_parameters')
  const old = config.section('rope_scaling')
  for (const section of [rope, old]) section.only('partial_rotary_factor', 1)
  const base = rope.number('rope_theta', { least: 1, or: config.number('rope_theta', { least: 1, or: 10_000 }) })
  const at = Object.keys(old.values).length > 0 ? old : rope
  const scaling = at.choice(
    at.values['rope_type'] === undefined && 'type' in at.values ? 'type' : 'rope_type',
    scalings,
    'default',
  )
  if (!scaling) return { rotaryBase: base }
  const frequencies = Array.from({ length: headWidth / 2 }, (_, i) => base ** ((-2 * i) / headWidth))
  return { rotaryFrequencies: scaling(frequencies, at) }
}
