export interface MelSettings {
  /** Samples a second. */
  readonly rate: number
  /** Samples of a frame; the transform pads it to the next power of two. */
  readonly window: number
  /** Samples from one frame to the next. */
  readonly hop: number
  /** Number of mel bands. */
  readonly bands: number
}

/**
 * Log-mel spectrogram: frames under a Hann window, power spectrum, triangular filters evenly spaced on the mel scale
 * (2595 log10(1 + f/700), O'Shaughnessy 1987) from 0 to half the rate, natural logarithm with a floor of 1e-10.
 * Returns [bands, frames], row by row.
 */
export function logMel(samples: Float32Array, settings: MelSettings): { frames: number; values: Float32Array } {
  const { window, hop, bands } = settings
  const size = 2 ** Math.ceil(Math.log2(window))
  const filters = melFilters(settings, size)
  const hann = Float64Array.from({ length: window }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / window))
  const frames = Math.max(1, 1 + Math.floor((samples.length - window) / hop))
  const values = new Float32Array(bands * frames)
  const [real, imaginary] = [new Float64Array(size), new Float64Array(size)]
  for (let frame = 0; frame < frames; frame++) {
    real.fill(0)
    imaginary.fill(0)
    for (let i = 0; i < window; i++) real[i] = hann[i]! * (samples[frame * hop + i] ?? 0)
    fourier(real, imaginary)
    filters.forEach(({ from, weights }, band) => {
      let energy = 0
      for (let i = 0; i < weights.length; i++)
        energy += weights[i]! * (real[from + i]! ** 2 + imaginary[from + i]! ** 2)
      values[band * frames + frame] = Math.log(Math.max(energy, 1e-10))
    })
  }
  return { frames, values }
}

const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700)
const hertz = (mels: number) => 700 * (10 ** (mels / 2595) - 1)

/** Triangles whose corners are evenly spaced in mels: the first bin of each that counts, and the weights from there on. */
function melFilters({ rate, bands }: MelSettings, size: number): { from: number; weights: Float64Array }[] {
  const top = mel(rate / 2)
  const corner = (i: number) => (hertz((i * top) / (bands + 1)) * size) / rate
  return Array.from({ length: bands }, (_, band) => {
    const [left, centre, right] = [corner(band), corner(band + 1), corner(band + 2)]
    const from = Math.ceil(left)
    const weights = Float64Array.from({ length: Math.max(1, Math.ceil(right) - from) }, (_, i) =>
      Math.max(0, Math.min((from + i - left) / (centre - left), (right - from - i) / (right - centre))),
    )
    return { from, weights }
  })
}

/** The discrete Fourier transform in place; the length is a power of two (Cooley and Tukey 1965). */
export function fourier(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1
    for (; j & bit; bit >>= 1) j ^= bit
    j ^= bit
    if (i < j) {
      ;[real[i], real[j]] = [real[j]!, real[i]!]
      ;[imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!]
    }
  }
  for (let span = 2; span <= size; span *= 2) {
    const half = span / 2
    for (let k = 0; k < half; k++) {
      const angle = (-2 * Math.PI * k) / span
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
      for (let at = k; at < size; at += span) {
        const to = at + half
        const re = real[to]! * cos - imaginary[to]! * sin
        const im = real[to]! * sin + imaginary[to]! * cos
        real[to] = real[at]! - re
        imaginary[to] = imaginary[at]! - im
        real[at] = real[at]! + re
        imaginary[at] = imaginary[at]! + im
      }
    }
  }
}
