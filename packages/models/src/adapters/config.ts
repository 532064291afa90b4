import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Config } from '../architectures/config.js'
import { ModelsError } from '../errors.js'

/** Our own key of adapter_config.json: the sha256 of the weights that the adapter was trained on. */
export const BASE_HASH = 'volant_base_sha256'

/** What adapter_config.json says of the adapters, in the words of this program. */
export interface AdapterConfig {
  readonly dropout: number
  readonly dora: boolean
  readonly rankStabilised: boolean
  /** Of the layer with this name of theirs. */
  rank(layer: string): number
  alpha(layer: string): number
  /** Names that layers end with; undefined where only the tensors' names tell which layers are adapted. */
  readonly targets: readonly string[] | undefined
  /** Name of the base, where it is known. */
  readonly base: string | undefined
  readonly baseHash: string | undefined
}

/** Settings of PEFT that change what an adapter computes, with the values at which they do not. */
const idle: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'],
  init_lora_weights: [true, false, 'gaussian', 'orthogonal', 'eva'],
  lora_bias: [false],
  use_qalora: [false],
  use_bdlora: [false],
  alora_invocation_tokens: [],
  arrow_config: [],
  kasa_config: [],
  layer_replication: [],
  megatron_config: [],
  monteclora_config: [],
  target_parameters: [],
  trainable_token_indices: [],
  velora_config: [],
}

/**
 * Reads adapter_config.json of PEFT (0.21, and older ones, which have fewer settings). Throws ModelsError `bad-config` for what
 * this program cannot do, naming the setting.
 */
export function adapterConfig(
  values: Readonly<Record<string, unknown>>,
  source: string,
  architecture: string,
): AdapterConfig {
  const config = new Config(values, source)
  config.choice('peft_type', { LORA: 'LORA' })
  for (const [name, allowed] of Object.entries(idle)) refuseUnless(config, name, allowed)
  // The weights of GPT-2 are stored the other way round; those of its adapters are not.
  if (architecture !== 'gpt2') config.only('fan_in_fan_out', false)
  const [rank, alpha] = [config.size('r', 8), config.number('lora_alpha', { or: 8 })]
  const ranks = patterns(config, 'rank_pattern')
  const alphas = patterns(config, 'alpha_pattern')
  return {
    dropout: config.number('lora_dropout', { or: 0 }),
    dora: config.boolean('use_dora', false),
    rankStabilised: config.boolean('use_rslora', false),
    rank: (layer) => ranks(layer) ?? rank,
    alpha: (layer) => alphas(layer) ?? alpha,
    targets: plainTargets(values),
    base: config.text('base_model_name_or_path', '') || undefined,
    baseHash: config.text(BASE_HASH, '') || undefined,
  }
}

/** Whether a folder holds a DoRA adapter; false where that cannot be read. */
export async function isDora(folder: string): Promise<boolean> {
  const config = await readFile(join(folder, 'adapter_config.json'), 'utf8')
    .then(JSON.parse)
    .catch(() => undefined)
  return config?.use_dora === true
}

function refuseUnless({ values, source }: Config, name: string, allowed: readonly unknown[]): void {
  const found = values[name] ?? undefined
  if (found === undefined || allowed.includes(found)) return
  const expected = allowed.length > 0 ? allowed.map((value) => JSON.stringify(value)).join(' or ') : 'null'
  throw new ModelsError(
    'bad-config',
    `${source}: "${name}" is ${JSON.stringify(found)}, which is not supported; expected ${expected}. Merge the adapter into its base with PEFT (merge_and_unload) and load the result.`,
    { name, found, expected: allowed },
  )
}

/** Numbers by name of layer, or end of it; PEFT takes regular expressions, which a file is not trusted with here. */
function patterns({ values, source }: Config, setting: string): (layer: string) => number | undefined {
  const entries = Object.entries((values[setting] ?? {}) as Record<string, unknown>)
  for (const [key, value] of entries)
    if (!/^\^?[\w.]+$/.test(key) || typeof value !== 'number')
      throw new ModelsError(
        'bad-config',
        `${source}: "${setting}" has ${JSON.stringify(key)}: ${JSON.stringify(value)}, expected the name of a layer, or its end, and a number; regular expressions are not supported.`,
        { setting, key, value },
      )
  return (layer) => entries.find(([key]) => endsWith(layer, key))?.[1] as number | undefined
}

/** Whether the dotted name of a layer is `end` or ends with it; `^` stands for the beginning. */
export const endsWith = (layer: string, end: string): boolean =>
  end.startsWith('^') ? layer === end.slice(1) : layer === end || layer.endsWith(`.${end}`)

/** A list of names is taken at its word unless other settings narrow it down. */
function plainTargets(values: Readonly<Record<string, unknown>>): string[] | undefined {
  const { target_modules: targets, exclude_modules: excluded, layers_to_transform: layers } = values
  return Array.isArray(targets) && !excluded && (layers ?? undefined) === undefined ? targets.map(String) : undefined
}
