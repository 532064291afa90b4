import path from 'node:path'
import { readPlainCsv } from './csv.js'
import type { Labelled, Parts } from './labelled.js'
import { logMel } from './mel.js'
import { readTar } from './tar.js'
import { readWav } from './wav.js'

/** Frames kept of each recording; shorter ones are followed by silence, of longer ones the loudest stretch is kept. */
const FRAMES = 64
const BANDS = 40
/** What logMel says of silence. */
const SILENCE = Math.log(1e-10)

/** Spoken digits (free-spoken-digit-dataset): 2,700 and 300 recordings of six speakers, as log-mel pictures. */
export function spokenDigits(folder: string): Parts {
  const index = readPlainCsv(path.join(folder, 'fsdd', 'index.csv'))
  const files = readTar(path.join(folder, 'fsdd', 'recordings.tar.gz'))
  const part = (name: string): Labelled => {
    const rows = index.filter(({ split }) => split === name)
    const values = new Float32Array(rows.length * BANDS * FRAMES).fill(SILENCE)
    rows.forEach(({ file }, row) => {
      const bytes = files.get(file!)
      if (!bytes) throw new Error(`fsdd: index.csv names ${file}, which is not in recordings.tar.gz`)
      const { rate, samples } = readWav(file!, bytes)
      // Frames of 32 ms, one every 10 ms.
      const mel = logMel(samples, { rate, window: (rate * 32) / 1000, hop: rate / 100, bands: BANDS })
      const start = loudestStretch(mel)
      for (let band = 0; band < BANDS; band++) {
        const line = mel.values.subarray(
          band * mel.frames + start,
          band * mel.frames + Math.min(mel.frames, start + FRAMES),
        )
        values.set(line, (row * BANDS + band) * FRAMES)
      }
    })
    const labels = Uint8Array.from(rows, ({ digit }) => Number(digit))
    return { values, labels, shape: [1, BANDS, FRAMES], classes: [...'0123456789'], blank: SILENCE }
  }
  return { train: part('train'), test: part('test') }
}

/** First frame of the stretch of FRAMES with the largest sum. */
function loudestStretch({ frames, values }: { frames: number; values: Float32Array }): number {
  const loudness = Array.from({ length: frames }, (_, frame) => {
    let sum = 0
    for (let at = frame; at < values.length; at += frames) sum += values[at]!
    return sum
  })
  let [best, start, sum] = [Number.NEGATIVE_INFINITY, 0, 0]
  for (let frame = 0; frame < frames; frame++) {
    sum += loudness[frame]! - (frame >= FRAMES ? loudness[frame - FRAMES]! : 0)
    if (frame >= FRAMES - 1 && sum > best) [best, start] = [sum, frame - FRAMES + 1]
  }
  return start
}
