import type { Counts, Evaluate } from './metric.js'
import type { ClassOutcomes } from './outcomes.js'

/** One class against the rest, rows ordered by its probability, highest first. */
interface Ranking {
  order: Int32Array
  /** 1 where the row at this place belongs to the class. */
  belongs: Uint8Array
  /** 1 where the next place has a lower probability: the end of a group of ties. */
  closes: Uint8Array
}

const rankingOf = ({ rows, classes, labels, probabilities }: ClassOutcomes, target: number): Ranking =>
  rankingBy(
    rows,
    (row) => probabilities[row * classes + target]!,
    (row) => labels[row] === target,
  )

function rankingBy(rows: number, score: (row: number) => number, isPositive: (row: number) => boolean): Ranking {
  const order = new Int32Array(rows)
  for (let row = 0; row < rows; row++) order[row] = row
  order.sort((a, b) => score(b) - score(a))
  const belongs = new Uint8Array(rows)
  const closes = new Uint8Array(rows)
  for (let place = 0; place < rows; place++) {
    belongs[place] = isPositive(order[place]!) ? 1 : 0
    closes[place] = place === rows - 1 || score(order[place]!) !== score(order[place + 1]!) ? 1 : 0
  }
  return { order, belongs, closes }
}

/**
 * P(score of a positive > score of a negative) + half of P(equal): the Mann-Whitney form of the area under the ROC
 * curve (Hanley & McNeil 1982), exact under ties. NaN when one side is empty.
 */
function areaUnderRoc({ order, belongs, closes }: Ranking, counts: Counts): number {
  let positives = 0
  let negatives = 0
  let area = 0
  let tiedPositives = 0
  let tiedNegatives = 0
  for (let place = 0; place < order.length; place++) {
    const count = counts[order[place]!]!
    if (belongs[place]) tiedPositives += count
    else tiedNegatives += count
    if (!closes[place]) continue
    area += tiedNegatives * (positives + tiedPositives / 2)
    positives += tiedPositives
    negatives += tiedNegatives
    tiedPositives = 0
    tiedNegatives = 0
  }
  return positives > 0 && negatives > 0 ? area / (positives * negatives) : Number.NaN
}

/**
 * Average precision: sum over thresholds of (recall step) * precision, ties entering together (no interpolation).
 * NaN when there is no positive row.
 */
function averagePrecision({ order, belongs, closes }: Ranking, counts: Counts): number {
  let positives = 0
  let answered = 0
  let tiedPositives = 0
  let sum = 0
  for (let place = 0; place < order.length; place++) {
    const count = counts[order[place]!]!
    answered += count
    if (belongs[place]) tiedPositives += count
    if (!closes[place] || answered === 0) continue
    positives += tiedPositives
    sum += (tiedPositives * positives) / answered
    tiedPositives = 0
  }
  return positives > 0 ? sum / positives : Number.NaN
}

/** Of the positive class, or the mean over classes (each against the rest) where it is defined. */
function ranked(outcomes: ClassOutcomes, area: (ranking: Ranking, counts: Counts) => number): Evaluate {
  if (outcomes.positive !== null) {
    const ranking = rankingOf(outcomes, outcomes.positive)
    return (counts) => area(ranking, counts)
  }
  const rankings: Ranking[] = []
  for (let c = 0; c < outcomes.classes; c++) if (outcomes.labels.includes(c)) rankings.push(rankingOf(outcomes, c))
  return (counts) => {
    let sum = 0
    let defined = 0
    for (const ranking of rankings) {
      const value = area(ranking, counts)
      if (Number.isNaN(value)) continue
      sum += value
      defined++
    }
    return sum / defined
  }
}

/** Area under the ROC curve; with more than two classes the mean of each class against the rest. */
export const rocAuc = (outcomes: ClassOutcomes): Evaluate => ranked(outcomes, areaUnderRoc)

/** Area under the ROC curve of scores, the greater the likelier label 1; the other label is 0. */
export function rocAucOfScores(scores: ArrayLike<number>, labels: ArrayLike<number>): Evaluate {
  const ranking = rankingBy(
    labels.length,
    (row) => scores[row]!,
    (row) => labels[row] === 1,
  )
  return (counts) => areaUnderRoc(ranking, counts)
}

/** Area under the precision-recall curve as average precision; with more classes the mean of each against the rest. */
export const prAuc = (outcomes: ClassOutcomes): Evaluate => ranked(outcomes, averagePrecision)

/** A ranking is walked once per class. */
export const rankingVisits = ({ rows, classes, positive }: ClassOutcomes) => (positive === null ? rows * classes : rows)
