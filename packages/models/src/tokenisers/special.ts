import type { Component, TokenizerJson } from './json.js'

/** The tokens with a role, by the role's name in tokenizer_config.json. */
const roles = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const
export type Role = (typeof roles)[number]

/** A token with a role. */
export interface RoleToken {
  readonly id: number
  readonly content: string
}

/** What tokens are called where no file says so. */
const usual: Partial<Record<Role, readonly string[]>> = {
  pad: ['[PAD]', '<pad>'],
  unk: ['[UNK]', '<unk>'],
  cls: ['[CLS]'],
  sep: ['[SEP]'],
  mask: ['[MASK]', '<mask>'],
}

/**
 * The tokens with roles: as tokenizer_config.json and special_tokens_map.json name them, else the model's unknown
 * token, the template's first and last token, and the usual names. `cls` and `bos`, `sep` and `eos` stand for each other.
 */
export function roleTokens(
  json: TokenizerJson,
  named: readonly Readonly<Record<string, unknown>>[],
  idOf: (token: string) => number | undefined,
): Partial<Record<Role, RoleToken>> {
  const found: Partial<Record<Role, RoleToken>> = {}
  const candidates = (role: Role) => [
    ...named.map((config) => contentOf(config[`${role}_token`])),
    ...(role === 'unk' ? [unknownOf(json)] : []),
    ...(usual[role] ?? []),
  ]
  const take = (role: Role, contents: readonly (string | undefined)[]) => {
    if (found[role]) return
    const content = contents.find((c) => c !== undefined && idOf(c) !== undefined)
    if (content !== undefined) found[role] = { id: idOf(content)!, content }
  }
  for (const role of roles) take(role, candidates(role))
  const edges = edgesOf(json.post_processor)
  for (const [role, twin, edge] of [
    ['cls', 'bos', edges[0]],
    ['bos', 'cls', edges[0]],
    ['sep', 'eos', edges[1]],
    ['eos', 'sep', edges[1]],
  ] as const)
    take(role, [found[twin]?.content, edge])
  return found
}

/** A token in a configuration file: its text, or an object with its text. */
function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const content = (value as { content?: unknown } | null | undefined)?.content
  return typeof content === 'string' ? content : undefined
}

function unknownOf({ model }: TokenizerJson): string | undefined {
  if (model.type === 'Unigram') return model.unk_id == null ? undefined : model.vocab[model.unk_id]?.[0]
  return model.unk_token ?? undefined
}

/** The special tokens with which a template begins and ends. */
function edgesOf(component: Component | null): [string | undefined, string | undefined] {
  if (component?.type === 'Sequence')
    return edgesOf((component['processors'] as Component[]).find((c) => c.type !== 'ByteLevel') ?? null)
  if (component?.type === 'TemplateProcessing') {
    const places = component['single'] as { SpecialToken?: { id: string } }[]
    return [places[0]?.SpecialToken?.id, places.at(-1)?.SpecialToken?.id]
  }
  return [(component?.['cls'] as [string] | undefined)?.[0], (component?.['sep'] as [string] | undefined)?.[0]]
}
