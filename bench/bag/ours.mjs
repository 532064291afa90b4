// A turn reads TRAIN and trains; with TEST it trains once and prints the accuracy on it.
import { contest } from '../contest/contestant.mjs'
import { accuracyOf, readRows, trainClassifier } from './classifier.mjs'

const { TRAIN, TEST } = process.env
const threads = Number(process.env.THREADS)
if (TEST) {
  const rows = readRows(TRAIN)
  const trained = await trainClassifier(rows, threads)
  console.log(await accuracyOf(trained, readRows(TEST, rows.classes), threads))
} else {
  contest(async () => async () => {
    await trainClassifier(readRows(TRAIN), threads)
  })
}
