import { blendedAnswers } from './choose.js'
import type { Answers } from './measure.js'
import { type FittedOutput, targetsOf } from './outputs.js'
import type { Parts } from './parts.js'
import type { Search } from './search.js'

interface Figures {
  valid: Answers | null
  test: Answers | null
}

/** The most frequent class, or the mean, of the training rows as the answer to every row. */
export function majorityAnswers(outputs: readonly FittedOutput[], parts: Parts): Figures {
  const repeated = (rows: number): Answers =>
    Object.fromEntries(
      outputs.map((output) => {
        const { decoder } = output.type
        const answer = decoder.majority(targetsOf(output, parts.train), output.state)
        const answers = new Float64Array(rows * answer.length)
        for (let row = 0; row < rows; row++) answers.set(answer, row * answer.length)
        return [output.name, answers]
      }),
    )
  return { valid: repeated(parts.valid.rows), test: parts.test ? repeated(parts.test.rows) : null }
}

/** The linear model alone: before the choice on validation rows, trained again for the test rows. */
export function baselineFigures(
  { linearShare, validRaw }: Search,
  linearTest: Answers | null,
  outputs: readonly FittedOutput[],
): Figures {
  const raw = validRaw?.get(linearShare.candidate)
  return { valid: raw ? blendedAnswers(outputs, [{ ...linearShare, raw }], {}) : null, test: linearTest }
}
