import path from 'node:path'

/** Files beside the weights that loading a model or telling about it needs, in the folder or in a module's folder. */
const companions = new Set([
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'spiece.model',
  'sentencepiece.bpe.model',
  'chat_template.jinja',
  'chat_template.json',
  'modules.json',
  'config_sentence_transformers.json',
  'sentence_bert_config.json',
  'adapter_config.json',
  'README.md',
  'LICENSE',
  'LICENSE.txt',
  'LICENSE.md',
])

/** Ways to keep weights, the best first; the first pattern of each must be there. */
const weightLayouts: readonly (readonly RegExp[])[] = [
  [/^model\.safetensors$/],
  [/^model\.safetensors\.index\.json$/, /^model-\d+-of-\d+\.safetensors$/],
  [/^pytorch_model\.bin$/],
  [/^pytorch_model\.bin\.index\.json$/, /^pytorch_model-\d+-of-\d+\.bin$/],
  [/^adapter_model\.safetensors$/],
  [/^adapter_model\.bin$/],
]

/** The folder of a sentence-transformers module: 1_Pooling. */
const moduleFolder = /^\d+_\w+$/

/** What of a repository is fetched. */
export interface ChosenFiles {
  companions: string[]
  weights: string[]
}

/**
 * Chooses the files that a model needs out of all of its repository: configuration, tokeniser, modules, and the weights once,
 * safetensors before PyTorch's. A repository of GGUF files gives one only when it is the only one or is named.
 *
 * @param file take only this weight file
 */
export function chooseFiles(names: readonly string[], file?: string): ChosenFiles {
  const chosen: ChosenFiles = { companions: [], weights: [] }
  for (const folder of new Set(names.map(folderOf))) {
    if (folder !== '' && !moduleFolder.test(folder)) continue
    const inside = names.filter((name) => folderOf(name) === folder)
    chosen.companions.push(...inside.filter((name) => companions.has(path.basename(name))))
    if (file === undefined) chosen.weights.push(...chooseWeights(inside))
  }
  if (file !== undefined)
    chosen.weights.push(...names.filter((name) => name === file && !/(^|\/)\.\.?\/|^\/|\\/.test(name)))
  chosen.weights.sort((a, b) => lateness(a) - lateness(b))
  return chosen
}

/** The folder's own weights come after those of its modules, and an index after its shards. */
const lateness = (name: string): number => (name.includes('/') ? 0 : name.endsWith('.json') ? 2 : 1)

const folderOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')))

function chooseWeights(names: readonly string[]): string[] {
  for (const patterns of weightLayouts)
    if (names.some((name) => patterns[0]!.test(path.basename(name))))
      return names.filter((name) => patterns.some((pattern) => pattern.test(path.basename(name))))
  const single = names.filter((name) => /^[\w.-]+\.gguf$/.test(name))
  return single.length === 1 ? single : []
}
