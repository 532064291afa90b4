import type { Gate } from '../evaluate/index.js'
import type { Iteration } from './schema.js'

type Decision = NonNullable<Iteration['decision']>

/**
 * The gate's rule. Promoted: the 95 % interval of the difference lies above 0 and no output got provably worse.
 * Set aside: it lies below 0, so the new labels did harm. Kept: neither is proven.
 */
export function decide(gate: Gate): Exclude<Decision, 'first'> {
  const [low, high] = gate.interval
  const harmed = Object.values(gate.outputs).some(({ interval }) => interval[1] < 0)
  if (low > 0 && !harmed) return 'promoted'
  return high < 0 ? 'set-aside' : 'kept'
}

/** Why it was decided so, in plain words, English and Chinese. */
export function explain(
  decision: Decision,
  gate: Gate | null,
  labels: Iteration['labels'],
): NonNullable<Iteration['explanation']> {
  if (decision === 'first' || gate === null) {
    const first = decision === 'first'
    return {
      code: first ? 'first' : 'nothing-to-compare',
      params: { rows: labels.rows },
      en: first
        ? `There was no model yet, so this one, trained on ${labels.rows} rows, answers from now on.`
        : 'The two models share no output with labels in the frozen test set, so nothing is proven; the champion stays.',
      zh: first
        ? `此前没有模型，因此这个用 ${labels.rows} 行训练的模型从现在起负责回答。`
        : '两个模型没有共同的、在冻结测试集中带标签的输出，无法证明优劣；保留现任模型。',
    }
  }
  const harmed = Object.entries(gate.outputs).find(([, { interval }]) => interval[1] < 0)?.[0]
  const code = decision === 'kept' && gate.interval[0] > 0 && harmed ? 'kept-output-worse' : decision
  const params = {
    rows: gate.rows,
    difference: gate.difference,
    interval: gate.interval,
    outputs: gate.outputs,
    new: labels.new,
    used: labels.used,
    output: harmed,
  }
  const en = `${measured(gate, english)} ${ends[code]!.en(labels.new, harmed)}`
  const zh = `${measured(gate, chinese)}${ends[code]!.zh(labels.new, harmed)}`
  return { code, params, en, zh }
}

interface Words {
  intro: (rows: number) => string
  output: (name: string, metric: string, from: string, to: string) => string
  joiner: string
  difference: (difference: string, low: string, high: string) => string
}

const english: Words = {
  intro: (rows) => `On the ${rows} rows of the frozen test set`,
  output: (name, metric, from, to) => `${name} went from ${from} to ${to} (${metric})`,
  joiner: ', ',
  difference: (difference, low, high) =>
    `; the difference is ${difference}, between ${low} and ${high} with 95 % certainty.`,
}

const chinese: Words = {
  intro: (rows) => `在冻结测试集的 ${rows} 行上`,
  output: (name, metric, from, to) => `${name} 的 ${metric} 从 ${from} 变为 ${to}`,
  joiner: '，',
  difference: (difference, low, high) => `；差异为 ${difference}，95% 置信区间为 ${low} 到 ${high}。`,
}

/** `1 new label counts`, `20 new labels count` */
const news = (labels: number, one = '', many = '') =>
  labels === 1 ? `1 new label${one}` : `${labels} new labels${many}`

const ends: Record<
  string,
  { en: (labels: number, output?: string) => string; zh: (labels: number, output?: string) => string }
> = {
  promoted: {
    en: (labels) => `That is proven better, so the new model answers from now on (${news(labels)}).`,
    zh: (labels) => `已证明更好，新模型从现在起负责回答（${labels} 个新标签）。`,
  },
  kept: {
    en: (labels) =>
      `That is not proven better, so the champion stays; the ${news(labels, ' counts', ' count')} again next time.`,
    zh: (labels) => `尚不能证明更好，因此保留现任模型；这 ${labels} 个新标签下次仍会计入。`,
  },
  'kept-output-worse': {
    en: (labels, output) =>
      `Overall it is better, but "${output}" got provably worse, so the champion stays; the ${news(labels, ' counts', ' count')} again next time.`,
    zh: (labels, output) => `总体更好，但“${output}”已证明变差，因此保留现任模型；这 ${labels} 个新标签下次仍会计入。`,
  },
  'set-aside': {
    en: (labels) =>
      `That is proven worse, so the champion stays and the ${news(labels, ' is', ' are')} set aside until somebody looks and releases what is right.`,
    zh: (labels) => `已证明更差，因此保留现任模型，并将这 ${labels} 个新标签搁置，待人工检查后再放行。`,
  },
}

/** Metrics that are shares read best as percent. */
const shares = new Set(['accuracy', 'balancedAccuracy', 'f1', 'precision', 'recall', 'macroF1', 'weightedF1'])

function measured(gate: Gate, words: Words): string {
  const outputs = Object.entries(gate.outputs).map(([name, { metric, champion, candidate }]) =>
    words.output(name, metric, figure(metric, champion), figure(metric, candidate)),
  )
  const signed = (value: number) => `${value < 0 ? '-' : '+'}${(Math.abs(value) * 100).toFixed(1)}`
  const [low, high] = gate.interval
  return `${words.intro(gate.rows)}${words.joiner}${outputs.join(words.joiner)}${words.difference(`${signed(gate.difference)} %`, signed(low), `${signed(high)} %`)}`
}

function figure(metric: string, value: number): string {
  return shares.has(metric) ? `${(value * 100).toFixed(1)} %` : value.toPrecision(4)
}
