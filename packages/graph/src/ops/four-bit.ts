import { linearFourBit, linearFourBitBack } from '../functions/four-bit.js'
import type { ValueInfo } from '../graph.js'
import type { Emitter } from '../onnx/emitter.js'
import { FOUR_BIT_BLOCK } from '../passes/four-bit.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireDtype, requireEqualDims, requireRank } from './shapes.js'

interface FourBit {
  /** Numbers of a column of the weight; its last block may reach beyond. */
  inputs: number
}

const microsoft = 'com.microsoft'

function requireWeight(numbers: ValueInfo, scales: ValueInfo, inputs: number): void {
  requireDtype(numbers, 'uint8')
  requireDtype(scales, 'float32')
  const blocks = Math.ceil(inputs / FOUR_BIT_BLOCK)
  const [N] = numbers.shape
  if (numbers.shape.join() !== [N, blocks, FOUR_BIT_BLOCK / 2].join())
    throw new RuleViolation(`the numbers must be [N,${blocks},${FOUR_BIT_BLOCK / 2}] for ${inputs} inputs`)
  if (scales.shape.join() !== [N, blocks].join()) throw new RuleViolation(`the scales must be [${N},${blocks}]`)
}

const attributes = { bits: 4, block_size: FOUR_BIT_BLOCK }

/** 0 … N-1, known only after `dy`: else all weights of a model would be made before the first of them is needed. */
function rowsAfter(emit: Emitter, dy: string, N: number): string {
  const first = emit.cast(emit.op('Gather', [dy, emit.scalar(0, 'int64')], { axis: 0 }), 'int64')
  const rows = emit.op('Range', [emit.scalar(0, 'int64'), emit.scalar(N, 'int64'), emit.scalar(1, 'int64')])
  return emit.op('Add', [emit.op('Mul', [first, emit.scalar(0, 'int64')]), rows])
}

/** Products with weights of 4-bit numbers, which no gradient reaches. */
export const fourBit = {
  linearFourBit: row<FourBit>({
    shape: ({ x: [x, numbers, scales], attributes: { inputs } }) => {
      requireRank(x!, 2, 'the input')
      requireDtype(x!, 'float32')
      requireEqualDims(x!.shape[1]!, inputs, 'the width of the input and the rows of the weight')
      requireWeight(numbers!, scales!, inputs)
      return [{ dtype: 'float32', shape: [x!.shape[0]!, numbers!.shape[0]!] }]
    },
    grad: ({ dy, attributes: { inputs } }, _x, numbers, scales) => [
      linearFourBitBack(dy, { numbers: numbers!, scales: scales! }, inputs),
      null,
      null,
    ],
    lower: ({ emit, names, y, attributes: { inputs } }) => {
      const N = y[0]!.shape[1] as number
      return [emit.op('MatMulNBits', names, { K: inputs, N, ...attributes }, microsoft)]
    },
  }),

  linearFourBitBack: row<FourBit>({
    shape: ({ x: [dy, numbers, scales], attributes: { inputs } }) => {
      requireRank(dy!, 2, 'the gradient')
      requireDtype(dy!, 'float32')
      requireEqualDims(dy!.shape[1]!, numbers!.shape[0]!, 'the width of the gradient and the columns of the weight')
      requireWeight(numbers!, scales!, inputs)
      return [{ dtype: 'float32', shape: [dy!.shape[0]!, inputs] }]
    },
    grad: ({ dy, attributes: { inputs } }, _x, numbers, scales) => [
      linearFourBit(dy, { numbers: numbers!, scales: scales! }, inputs),
      null,
      null,
    ],
    lower: ({ emit, names: [dy, numbers, scales], x: [, info], attributes: { inputs } }) => {
      const [N, blocks, bytes] = info!.shape as [number, number, number]
      const flat = emit.reshape(numbers!, info!.shape, [N, blocks * bytes])
      const indices = rowsAfter(emit, dy!, N)
      const gathered = { ...attributes, gather_axis: 0, quantize_axis: 1 }
      const weight = emit.op('GatherBlockQuantized', [flat, indices, scales!], gathered, microsoft)
      const dx = emit.op('MatMul', [dy!, weight])
      return [emit.slice(dx, { axis: 1, size: blocks * FOUR_BIT_BLOCK, start: 0, end: inputs })]
    },
  }),
} satisfies OpTable
