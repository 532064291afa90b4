import { ModelsError } from '../errors.js'
import type { Component, TokenizerJson, WordPieceJson } from '../tokenisers/json.js'
import type { Tokeniser, TokeniserFiles } from '../tokenisers/tokeniser.js'

/** How often each id occurs in texts, special tokens not counted. */
export class PieceCounts {
  readonly counts: Float64Array

  constructor(private readonly tokeniser: Tokeniser) {
    this.counts = new Float64Array(tokeniser.vocabularySize)
  }

  add(text: string): void {
    for (const id of this.tokeniser.encode(text, null, { special: false }).ids) this.counts[id]!++
  }
}

/**
 * A WordPiece tokeniser with fewer pieces; words whose piece is gone fall into smaller ones. Kept are the special tokens, the single
 * characters that the texts or Latin script use, and of the rest in turn the one most frequent in the texts and the first of
 * the vocabulary, which trained vocabularies order by frequency: so it stays fit for other texts too.
 *
 * @returns the new files and the old id of each new one. Throws ModelsError `tokeniser-kind`, `vocabulary-too-small`.
 */
export function cutVocabulary(
  tokeniser: Tokeniser,
  counts: Float64Array,
  size: number,
): { files: TokeniserFiles; kept: Int32Array } {
  const { tokenizer, config } = tokeniser.files
  const { model } = tokenizer
  if (model.type !== 'WordPiece')
    throw new ModelsError(
      'tokeniser-kind',
      `A vocabulary of the kind ${model.type} cannot be cut, only WordPiece can; leave the vocabulary as it is.`,
      { kind: model.type },
    )
  const chosen = new Set([...tokenizer.added_tokens.map(({ id }) => id), ...characters(tokeniser, model, counts)])
  if (chosen.size > size)
    throw new ModelsError(
      'vocabulary-too-small',
      `A vocabulary of ${size} pieces was asked for, but the special tokens and single characters alone are ${chosen.size}; ask for more.`,
      { size, least: chosen.size },
    )
  const byPlace = Object.values(model.vocab)
    .filter((id) => !/^\[unused\d*\]$/.test(tokeniser.tokenOf(id)))
    .sort((a, b) => a - b)
  const byCount = byPlace.filter((id) => counts[id]! > 0).sort((a, b) => counts[b]! - counts[a]! || a - b)
  for (let place = 0; place < byPlace.length && chosen.size < size; place++)
    for (const id of [byCount[place], byPlace[place]]) if (id !== undefined && chosen.size < size) chosen.add(id)
  const kept = Int32Array.from(chosen).sort()
  const idOf = new Map(Array.from(kept, (old, id) => [tokeniser.tokenOf(old), id]))
  const { added_tokens_decoder: _, ...others } = config ?? {}
  return { files: { ...tokeniser.files, tokenizer: renumbered(tokenizer, model, idOf), config: others }, kept }
}

/** Pieces of one character, with and without the sign of a continued word. */
function characters(
  tokeniser: Tokeniser,
  { vocab, continuing_subword_prefix: prefix }: WordPieceJson,
  counts: Float64Array,
) {
  const single = (piece: string) => (piece.startsWith(prefix) && piece !== prefix ? piece.slice(prefix.length) : piece)
  const used = new Set<string>()
  tokeniser.tokens.forEach((piece, id) => {
    if (piece !== undefined && counts[id]! > 0) for (const character of single(piece)) used.add(character)
  })
  return Object.entries(vocab).flatMap(([piece, id]) => {
    const [character, more] = [...single(piece)]
    if (character === undefined || more !== undefined) return []
    return used.has(character) || /\p{Script=Latin}|[!-~]/u.test(character) ? [id] : []
  })
}

function renumbered(json: TokenizerJson, model: WordPieceJson, idOf: ReadonlyMap<string, number>): TokenizerJson {
  const inVocabulary = [...idOf].filter(([token]) => Object.hasOwn(model.vocab, token))
  return {
    ...json,
    added_tokens: json.added_tokens.map((token) => ({ ...token, id: idOf.get(token.content)! })),
    post_processor: json.post_processor && renumberedPart(json.post_processor, idOf),
    model: { ...model, vocab: Object.fromEntries(inVocabulary) },
  }
}

/** A post-processor with new ids for the special tokens that it puts round texts. */
function renumberedPart(part: Component, idOf: ReadonlyMap<string, number>): Component {
  const pair = (token: unknown) => {
    const [content] = token as [string, number]
    return [content, idOf.get(content)!]
  }
  switch (part.type) {
    case 'Sequence':
      return { ...part, processors: (part['processors'] as Component[]).map((one) => renumberedPart(one, idOf)) }
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { ...part, cls: pair(part['cls']), sep: pair(part['sep']) }
    case 'TemplateProcessing': {
      const tokens = Object.entries(part['special_tokens'] as Record<string, { tokens: string[] }>)
      return {
        ...part,
        special_tokens: Object.fromEntries(
          tokens.map(([name, token]) => [name, { ...token, ids: token.tokens.map((content) => idOf.get(content)!) }]),
        ),
      }
    }
  }
  return part
}
