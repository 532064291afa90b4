import { ModelsError } from '../../errors.js'
import { type AddedToken, specialToken } from '../json.js'

/** What the files beside an old vocabulary say. */
export interface Beside {
  /** tokenizer_config.json */
  readonly config: Readonly<Record<string, unknown>>
  /** added_tokens.json: ids by token. */
  readonly added?: Readonly<Record<string, number>>
  /** special_tokens_map.json */
  readonly specialTokens?: Readonly<Record<string, unknown>>
}

const roleKeys = ['unk_token', 'pad_token', 'bos_token', 'eos_token', 'cls_token', 'sep_token', 'mask_token']

/**
 * The added tokens of an old tokeniser: those that the files list, and the special ones they name by role (or that the
 * family names by default) as far as the vocabulary has them. A mask takes the space before it where `maskTakesSpace`.
 */
export function addedTokens(
  { config, added = {}, specialTokens = {} }: Beside,
  idOf: (token: string) => number | undefined,
  usual: readonly string[],
  maskTakesSpace = false,
): AddedToken[] {
  const found = new Map<number, AddedToken>()
  const listed = (config['added_tokens_decoder'] ?? {}) as Record<string, Omit<AddedToken, 'id'>>
  for (const [content, id] of Object.entries(added)) found.set(id, { ...specialToken(id, content), special: false })
  const named = [config, specialTokens].flatMap((file) => [
    ...roleKeys.map((key) => file[key]),
    ...((file['additional_special_tokens'] ?? []) as unknown[]),
  ])
  for (const value of [...usual, ...named]) {
    const content = typeof value === 'string' ? value : (value as { content?: string } | null | undefined)?.content
    const id = content === undefined ? undefined : (added[content] ?? idOf(content))
    if (id === undefined) continue
    const lstrip = maskTakesSpace && (content === '<mask>' || content === '[MASK]')
    found.set(id, { ...specialToken(id, content!), lstrip })
  }
  for (const [id, token] of Object.entries(listed)) found.set(Number(id), { ...token, id: Number(id) })
  return [...found.values()].sort((a, b) => a.id - b.id)
}

/** A template of special tokens (by content) and texts (`A`, `B`), as a post-processor; `:1` gives a place token type 1. */
export function templateProcessing(single: string, pair: string, idOf: (token: string) => number | undefined) {
  const contents = new Set<string>()
  const place = (word: string) => {
    const type_id = word.endsWith(':1') ? 1 : 0
    const id = word.replace(/:1$/, '')
    if (id === 'A' || id === 'B') return { Sequence: { id, type_id } }
    contents.add(id)
    return { SpecialToken: { id, type_id } }
  }
  const places = (template: string) => template.trim().split(/\s+/).map(place)
  const parts = { type: 'TemplateProcessing', single: places(single), pair: places(pair) }
  const special_tokens = Object.fromEntries(
    [...contents].map((id) => [id, { id, ids: [idOf(id) ?? missing(id)], tokens: [id] }]),
  )
  return { ...parts, special_tokens }
}

function missing(token: string): never {
  throw new ModelsError(
    'tokeniser-broken',
    `The vocabulary has no token ${JSON.stringify(token)}, which models of its kind put round a text; take the vocabulary that belongs to the model.`,
    { token },
  )
}
