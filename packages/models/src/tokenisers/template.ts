import { ModelsError } from '../errors.js'
import { type Component, isId } from './json.js'

/** A place in a template: fixed ids, or the ids of the first (A) or second (B) text; `type` is their token type. */
type Place =
  | { readonly ids: readonly number[]; readonly type: number }
  | { readonly text: 'A' | 'B'; readonly type: number }

/** Where special tokens go round one text and round a pair. */
export interface Template {
  readonly single: readonly Place[]
  readonly pair: readonly Place[]
}

const bare: Template = {
  single: [{ text: 'A', type: 0 }],
  pair: [
    { text: 'A', type: 0 },
    { text: 'B', type: 1 },
  ],
}

/** The template that a tokenizer.json's post-processor amounts to. */
export function template(component: Component | null): Template {
  if (component === null) return bare
  switch (component.type) {
    case 'ByteLevel':
      return bare
    case 'TemplateProcessing':
      return written(component)
    case 'BertProcessing':
      return fixed(component, 1, false)
    case 'RobertaProcessing':
      return fixed(component, 0, true)
    case 'Sequence': {
      const templates = (component['processors'] as Component[]).map(template).filter((t) => t !== bare)
      if (templates.length < 2) return templates[0] ?? bare
    }
  }
  throw new ModelsError(
    'tokeniser-part',
    `The tokeniser has a post-processor "${component.type}", which is not known; known are ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing and a Sequence with one of these and ByteLevel.`,
    { type: component.type },
  )
}

interface WrittenPlace {
  readonly SpecialToken?: { readonly id: string; readonly type_id?: number }
  readonly Sequence?: { readonly id: 'A' | 'B'; readonly type_id?: number }
}

function written({ single, pair, special_tokens }: Component): Template {
  const tokens = (special_tokens ?? {}) as Record<string, { ids: number[] }>
  const place = ({ SpecialToken, Sequence }: WrittenPlace): Place => {
    if (Sequence) return { text: Sequence.id, type: Sequence.type_id ?? 0 }
    const token = tokens[SpecialToken!.id]
    if (!token)
      throw new ModelsError(
        'tokeniser-part',
        `The tokeniser's template names ${JSON.stringify(SpecialToken!.id)}, which is not among its special tokens ${Object.keys(tokens).join(', ')}.`,
      )
    if (!token.ids.every(isId))
      throw new ModelsError(
        'tokeniser-part',
        `The tokeniser's template has the ids ${JSON.stringify(token.ids)} for ${JSON.stringify(SpecialToken!.id)}.`,
      )
    return { ids: token.ids, type: SpecialToken!.type_id ?? 0 }
  }
  return { single: (single as WrittenPlace[]).map(place), pair: (pair as WrittenPlace[]).map(place) }
}

/** [cls] A [sep], and B [sep] after it, for RoBERTa with a second [sep] between them. */
function fixed({ cls, sep }: Component, type: number, twice: boolean): Template {
  const [start, end] = [[(cls as [string, number])[1]], [(sep as [string, number])[1]]]
  const single: Place[] = [
    { ids: start, type: 0 },
    { text: 'A', type: 0 },
    { ids: end, type: 0 },
  ]
  const between: Place[] = twice ? [{ ids: end, type }] : []
  return { single, pair: [...single, ...between, { text: 'B', type }, { ids: end, type }] }
}

/** How many special tokens the template adds. */
export const addedBy = (places: readonly Place[]) =>
  places.reduce((sum, place) => sum + ('ids' in place ? place.ids.length : 0), 0)

/** Calls back for each run of ids in the order of the template; `text` is undefined for special tokens. */
export function fill(
  places: readonly Place[],
  special: boolean,
  run: (type: number, ids: readonly number[] | undefined, text: 'A' | 'B' | undefined) => void,
): void {
  for (const place of places)
    if ('text' in place) run(place.type, undefined, place.text)
    else if (special) run(place.type, place.ids, undefined)
}

/** How many tokens of each of two texts are kept: the longer one loses first, until both have half. */
export function longestFirst(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second]
  let shorter = Math.min(first, second)
  let longer = shorter > room ? shorter : Math.max(shorter, room - shorter)
  if (shorter + longer > room) {
    shorter = Math.floor(room / 2)
    longer = room - shorter
  }
  return first > second ? [longer, shorter] : [shorter, longer]
}
