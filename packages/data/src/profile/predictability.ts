/** How well one column alone tells the target, measured on rows that were not used to make the rule. */
export interface Predictability {
  /** 0 = no better than the majority class (or the mean), 1 = perfect, on the held-out rows. */
  strength: number
  heldOut: number
  /** What gives the answer away, as a clause. */
  evidence: string
}

/** A target: classes as numbers 0 to `labels.length` - 1, or numbers. One entry a row. */
export type Target = { kind: 'classes'; ids: Int32Array; labels: string[] } | { kind: 'numbers'; values: Float64Array }

/** Rows to make a rule from and rows to measure it on. */
export interface Halves {
  fit: Int32Array
  held: Int32Array
}

/** Buckets a rule may tell apart; a row's bucket is -1 when its value is too rare to know. */
export interface Buckets {
  ids: Int32Array
  count: number
  /** A bucket in words. */
  name: (bucket: number) => string
}

export function predictability(target: Target, buckets: Buckets, halves: Halves): Predictability {
  return target.kind === 'classes'
    ? classPredictability(target.ids, target.labels, buckets, halves)
    : numberPredictability(target.values, buckets, halves)
}

/** The rule: each bucket's most frequent class. */
function classPredictability(
  ids: Int32Array,
  labels: string[],
  buckets: Buckets,
  { fit, held }: Halves,
): Predictability {
  const classes = labels.length
  const table = new Int32Array(buckets.count * classes)
  const totals = new Int32Array(classes)
  for (const row of fit) {
    totals[ids[row]!]!++
    if (buckets.ids[row]! >= 0) table[buckets.ids[row]! * classes + ids[row]!]!++
  }
  const majority = largest(totals)
  const answers = Int32Array.from({ length: buckets.count }, (_, bucket) => {
    const counts = table.subarray(bucket * classes, (bucket + 1) * classes)
    return counts.some((count) => count > 0) ? largest(counts) : majority
  })
  const rightIn = new Int32Array(buckets.count)
  let right = 0
  let base = 0
  for (const row of held) {
    const bucket = buckets.ids[row]!
    const answer = bucket < 0 ? majority : answers[bucket]!
    if (ids[row] === majority) base++
    if (ids[row] !== answer) continue
    right++
    if (bucket >= 0) rightIn[bucket]!++
  }
  const best = largest(rightIn)
  const evidence = `${buckets.name(best)} means "${labels[answers[best]!]}"; alone it answers ${percent(right / held.length)} of ${held.length} held-out rows rightly (always the commonest class: ${percent(base / held.length)})`
  return {
    strength: base === held.length ? 0 : Math.max(0, (right - base) / (held.length - base)),
    heldOut: held.length,
    evidence,
  }
}

/** The rule: each bucket's mean. Strength is R squared. */
function numberPredictability(values: Float64Array, buckets: Buckets, { fit, held }: Halves): Predictability {
  const sums = new Float64Array(buckets.count)
  const counts = new Int32Array(buckets.count)
  let sum = 0
  for (const row of fit) {
    sum += values[row]!
    if (buckets.ids[row]! < 0) continue
    sums[buckets.ids[row]!]! += values[row]!
    counts[buckets.ids[row]!]!++
  }
  const mean = sum / fit.length
  const strength = rSquared(values, held, (row) => {
    const bucket = buckets.ids[row]!
    return bucket < 0 || counts[bucket] === 0 ? mean : sums[bucket]! / counts[bucket]!
  })
  return {
    strength,
    heldOut: held.length,
    evidence: `its values alone explain ${percent(strength)} of the variance of ${held.length} held-out rows`,
  }
}

/** The rule: a straight line through the fit rows. NaN values of `x` are left out. */
export function linearPredictability(x: Float64Array, values: Float64Array, { fit, held }: Halves): Predictability {
  const known = (rows: Int32Array) => rows.filter((row) => !Number.isNaN(x[row]!))
  const used = known(fit)
  const measured = known(held)
  const meanX = meanOf(x, used)
  const meanY = meanOf(values, used)
  let xy = 0
  let xx = 0
  for (const row of used) {
    xy += (x[row]! - meanX) * (values[row]! - meanY)
    xx += (x[row]! - meanX) ** 2
  }
  const slope = xx === 0 ? 0 : xy / xx
  const strength =
    measured.length * 2 < held.length ? 0 : rSquared(values, measured, (row) => meanY + slope * (x[row]! - meanX))
  return {
    strength,
    heldOut: measured.length,
    evidence: `a straight line through it explains ${percent(strength)} of the variance of ${measured.length} held-out rows`,
  }
}

function rSquared(values: Float64Array, rows: Int32Array, predict: (row: number) => number): number {
  const mean = meanOf(values, rows)
  let left = 0
  let total = 0
  for (const row of rows) {
    left += (values[row]! - predict(row)) ** 2
    total += (values[row]! - mean) ** 2
  }
  return total === 0 ? 0 : Math.max(0, 1 - left / total)
}

function meanOf(values: Float64Array, rows: Int32Array): number {
  let sum = 0
  for (const row of rows) sum += values[row]!
  return rows.length === 0 ? 0 : sum / rows.length
}

function largest(counts: Int32Array): number {
  let best = 0
  for (let at = 1; at < counts.length; at++) if (counts[at]! > counts[best]!) best = at
  return best
}

export function percent(share: number): string {
  const value = 100 * share
  return `${value >= 99.95 || value === 0 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(2)} %`
}
