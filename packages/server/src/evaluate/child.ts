/** The child process that compares two models' scores: a thousand resamples would hold up the server. */
import { childMain } from '../jobs/index.js'
import { compareScores, type Scores } from './scores.js'

childMain(async (input) => {
  const { champion, candidate } = input as { champion: string; candidate: string }
  return compareScores(JSON.parse(champion) as Scores, JSON.parse(candidate) as Scores)
})
