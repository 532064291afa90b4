import { rotary } from '../functions/attention.js'
import type { Emitter } from '../onnx/emitter.js'
import { none, type OpTable, RuleViolation, row } from '../rule.js'
import { requireDtype, requireFloat, requireRank } from './shapes.js'

interface Rotary {
  heads: number
  base: number
  /** The angle of each pair for one position, in radians; none: `base` says it. */
  frequencies: readonly number[]
  interleaved: boolean
  /** Turns back instead. */
  inverse: boolean
}

/** base^(-2i/width) for i below width/2. */
const powers = (base: number, width: number) => Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width))

/** positions · frequencies, of shape [...positions, frequencies]. */
function angles(
  emit: Emitter,
  positions: string,
  shape: readonly (number | string)[],
  frequencies: readonly number[],
): string {
  const column = emit.reshape(emit.cast(positions, 'float32'), shape, [...shape, 1])
  const row = emit.tensor({ dtype: 'float32', dims: [frequencies.length], data: Float32Array.from(frequencies) })
  return emit.op('Mul', [column, row])
}

export const positionOps = {
  rotary: row<Rotary>({
    shape: ({ x: [x, positions], attributes: { heads, frequencies } }) => {
      requireFloat(x!)
      requireRank(x!, 3, 'the input')
      requireDtype(positions!, 'int64')
      const [B, T, H] = x!.shape
      if (typeof H !== 'number' || H % (2 * heads) !== 0)
        throw new RuleViolation(`the width must be a multiple of 2 · ${heads} heads`)
      if (![0, H / heads / 2].includes(frequencies.length))
        throw new RuleViolation(`there must be ${H / heads / 2} frequencies, found ${frequencies.length}`)
      if (![`${T}`, `${B},${T}`].includes(positions!.shape.join()))
        throw new RuleViolation(`the positions must be [${T}] or [${B},${T}]`)
      return [x!]
    },
    // A rotation's transpose is the rotation back.
    grad: ({ dy, attributes }, _x, positions) => [
      rotary(dy, { ...attributes, positions: positions!, inverse: !attributes.inverse }),
      null,
    ],
    lower: ({ emit, names: [x, positions], x: info, attributes }) => {
      const { heads, base, frequencies, interleaved, inverse } = attributes
      const [B, T, H] = info[0]!.shape
      const D = Number(H) / heads
      const places = info[1]!.shape
      const turns = angles(emit, positions!, places, frequencies.length > 0 ? frequencies : powers(base, D))
      const perHead = places.length === 1 ? [1, T!, 1, D / 2] : [B!, T!, 1, D / 2]
      const factor = (op: string) => {
        const shaped = emit.reshape(emit.cast(emit.op(op, [turns]), info[0]!.dtype), [...places, D / 2], perHead)
        return interleaved ? emit.reshape(shaped, perHead, [...perHead, 1]) : shaped
      }
      const [cos, sin] = [factor('Cos'), factor('Sin')]
      const split = interleaved ? [B!, T!, heads, D / 2, 2] : [B!, T!, heads, D]
      const half = interleaved ? [1, 1] : [D / 2, D / 2]
      const [a, b] = emit.ops('Split', [emit.reshape(x!, info[0]!.shape, split), emit.ints(half)], 2, { axis: -1 })
      const turned = (first: string, op: string, second: string) =>
        emit.op(op, [emit.op('Mul', [first, cos]), emit.op('Mul', [second, sin])])
      const joined = emit.op(
        'Concat',
        inverse ? [turned(a!, 'Add', b!), turned(b!, 'Sub', a!)] : [turned(a!, 'Sub', b!), turned(b!, 'Add', a!)],
        { axis: -1 },
      )
      return [emit.reshape(joined, split, info[0]!.shape)]
    },
  }),
  sinusoids: row<{ width: number; base: number }>({
    shape: ({ x: [positions], attributes: { width } }) => {
      requireDtype(positions!, 'int64')
      if (width % 2 !== 0) throw new RuleViolation(`the width must be even, found ${width}`)
      return [{ dtype: 'float32', shape: [...positions!.shape, width] }]
    },
    grad: none,
    lower: ({ emit, names: [positions], x, attributes: { width, base } }) => {
      const turns = angles(emit, positions!, x[0]!.shape, powers(base, width))
      return [emit.op('Concat', [emit.op('Sin', [turns]), emit.op('Cos', [turns])], { axis: -1 })]
    },
  }),
} satisfies OpTable
