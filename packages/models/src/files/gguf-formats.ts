import type { TypedArray } from '@volant/graph'
import { type Format, formats, halfTable } from './formats.js'

/** Numbers a block of the simple quantised formats (QK8_0, QK4_0, QK4_1 in ggml-common.h). */
const BLOCK = 32

const quantised = (bytes: number, decode: Format['decode']): Format => ({
  dtype: 'float32',
  block: BLOCK,
  bytes,
  decode,
})

/** The formats of GGUF tensors that are read, by their names. */
export const ggufFormats: ReadonlyMap<string, Format> = new Map<string, Format>([
  ['F32', formats.F32],
  ['F16', formats.F16],
  ['BF16', formats.BF16],
  ['F64', formats.F64],
  ['I8', formats.I8],
  ['I16', formats.I16],
  ['I32', formats.I32],
  ['I64', formats.I64],
  ['Q8_0', quantised(34, decodeQ8)],
  ['Q4_0', quantised(18, decodeQ40)],
  ['Q4_1', quantised(20, decodeQ41)],
])

/** Names of all formats by their numbers in the file (enum ggml_type in ggml.h). */
export const ggufFormatNames: ReadonlyMap<number, string> = new Map([
  ...['F32', 'F16', 'Q4_0', 'Q4_1'].map((name, i): [number, string] => [i, name]),
  ...['Q5_0', 'Q5_1', 'Q8_0', 'Q8_1'].map((name, i): [number, string] => [6 + i, name]),
  ...['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'Q8_K'].map((name, i): [number, string] => [10 + i, name]),
  ...['IQ2_XXS', 'IQ2_XS', 'IQ3_XXS', 'IQ1_S', 'IQ4_NL', 'IQ3_S', 'IQ2_S', 'IQ4_XS'].map(
    (name, i): [number, string] => [16 + i, name],
  ),
  ...['I8', 'I16', 'I32', 'I64', 'F64', 'IQ1_M', 'BF16'].map((name, i): [number, string] => [24 + i, name]),
  ...['TQ1_0', 'TQ2_0'].map((name, i): [number, string] => [34 + i, name]),
  [39, 'MXFP4'],
])

const scale = new Float32Array(1)
const scaleBits = new Uint32Array(scale.buffer)

/** The float16 at two bytes. */
function half(from: Uint8Array, at: number): number {
  scaleBits[0] = halfTable()[from[at]! | (from[at + 1]! << 8)]!
  return scale[0]!
}

/** Q8_0: a float16 scale d, 32 signed bytes q; d q. */
function decodeQ8(from: Uint8Array, to: TypedArray): void {
  for (let at = 0, out = 0; at < from.length; at += 34) {
    const d = half(from, at)
    for (let i = at + 2; i < at + 34; i++) to[out++] = d * ((from[i]! << 24) >> 24)
  }
}

/** Q4_0: a float16 scale d, 16 bytes; the lower halves q are numbers 0 to 15, the upper 16 to 31; d (q - 8). */
function decodeQ40(from: Uint8Array, to: TypedArray): void {
  for (let at = 0, out = 0; at < from.length; at += 18, out += BLOCK) {
    const d = half(from, at)
    for (let i = 0; i < 16; i++) {
      const byte = from[at + 2 + i]!
      to[out + i] = d * ((byte & 15) - 8)
      to[out + 16 + i] = d * ((byte >> 4) - 8)
    }
  }
}

/** Q4_1: as Q4_0 with a float16 minimum m after the scale; d q + m. */
function decodeQ41(from: Uint8Array, to: TypedArray): void {
  for (let at = 0, out = 0; at < from.length; at += 20, out += BLOCK) {
    const d = half(from, at)
    const m = half(from, at + 2)
    for (let i = 0; i < 16; i++) {
      const byte = from[at + 4 + i]!
      to[out + i] = d * (byte & 15) + m
      to[out + 16 + i] = d * (byte >> 4) + m
    }
  }
}
