/** Samples in [-1, 1) of a mono 16-bit PCM WAV file (RIFF: chunks of a four-letter name, a little-endian size, the data). */
export function readWav(name: string, bytes: Uint8Array): { rate: number; samples: Float32Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4))
  const refuse = (found: string) => new Error(`${name}: expected mono 16-bit PCM WAV, found ${found}`)
  if (bytes.length < 12 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw refuse('no RIFF WAVE header')
  let rate = 0
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true)
    if (tag(at) === 'fmt ') {
      const [format, channels, bits] = [8, 10, 22].map((offset) => view.getUint16(at + offset, true))
      if (format !== 1 || channels !== 1 || bits !== 16)
        throw refuse(`format ${format}, ${channels} channels, ${bits} bits`)
      rate = view.getUint32(at + 12, true)
    } else if (tag(at) === 'data') {
      if (rate === 0) throw refuse('data before their format')
      const count = Math.min(size, bytes.length - at - 8) >> 1
      const samples = Float32Array.from({ length: count }, (_, i) => view.getInt16(at + 8 + 2 * i, true) / 32768)
      return { rate, samples }
    }
    at += 8 + size + (size & 1)
  }
  throw refuse('no data')
}
