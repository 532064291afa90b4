import { type Dim, type Shape, sizeOf } from '../dims.js'
import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import { mul } from './elementwise.js'
import { matMul } from './layers.js'
import { reduceSum } from './reductions.js'
import { reshape, transpose } from './shape.js'

/** A value whose axes have letters. */
interface Lettered {
  value: Value
  letters: string
}

/**
 * Sum of products by letters, as in NumPy: `einsum('bqd,bkd->bqk', q, k)`. Letters that the result does not name are summed
 * over; without `->` the result has those that occur once, in alphabetical order. Values are taken together from left to
 * right, each pair by one matrix product. A letter may occur once in each value; `...` is not known.
 */
export function einsum(formula: string, ...values: Value[]): Value {
  const { inputs, output } = parse(formula, values)
  let left: Lettered = { value: values[0]!, letters: inputs[0]! }
  for (let i = 1; i < values.length; i++) {
    const needed = new Set(output + inputs.slice(i + 1).join(''))
    left = multiply(left, { value: values[i]!, letters: inputs[i]! }, needed)
  }
  const { value, letters } = sumOut(left, new Set(output))
  return arrange(value, letters, output)
}

function parse(formula: string, values: readonly Value[]): { inputs: string[]; output: string } {
  const builder = values[0]?.builder
  const fail = (reason: string): never => {
    throw new GraphError(`"${formula}": ${reason}`, {
      op: 'einsum',
      path: builder?.path,
      shapes: values.map((v) => v.shape),
    })
  }
  const [left, right, ...more] = formula.replaceAll(' ', '').split('->')
  const inputs = left!.split(',')
  if (more.length > 0 || !/^[A-Za-z,]*$/.test(left! + (right ?? ''))) fail('expected letters, commas and one "->"')
  if (inputs.length !== values.length) fail(`has ${inputs.length} operands, ${values.length} were given`)
  const sizes = new Map<string, Dim>()
  inputs.forEach((letters, i) => {
    const { shape } = values[i]!
    if (new Set(letters).size !== letters.length) fail(`the operand "${letters}" has a letter twice`)
    if (letters.length !== shape.length)
      fail(`"${letters}" names ${letters.length} axes, operand ${i} has ${shape.length}`)
    for (const [axis, letter] of [...letters].entries()) {
      const known = sizes.get(letter) ?? shape[axis]!
      if (known !== shape[axis]) fail(`"${letter}" is ${known} in one operand and ${shape[axis]} in another`)
      sizes.set(letter, known)
    }
  })
  const once = [...sizes.keys()].filter((letter) => inputs.join('').split(letter).length === 2)
  const output = right ?? once.sort().join('')
  if (new Set(output).size !== output.length || ![...output].every((letter) => sizes.has(letter)))
    fail('the result must name letters of the operands, each once')
  return { inputs, output }
}

/** Sums over the letters that nobody needs any more. */
function sumOut({ value, letters }: Lettered, needed: ReadonlySet<string>): Lettered {
  const axes = [...letters].flatMap((letter, axis) => (needed.has(letter) ? [] : [axis]))
  if (axes.length === 0) return { value, letters }
  return { value: reduceSum(value, axes), letters: [...letters].filter((letter) => needed.has(letter)).join('') }
}

function arrange(value: Value, from: string, to: string): Value {
  const perm = [...to].map((letter) => from.indexOf(letter))
  return perm.every((axis, i) => axis === i) ? value : transpose(value, perm)
}

/** One product of two values: letters of both that are needed are its batch, those not needed its inner dimension. */
function multiply(a: Lettered, b: Lettered, needed: ReadonlySet<string>): Lettered {
  const left = sumOut(a, new Set([...needed, ...b.letters]))
  const right = sumOut(b, new Set([...needed, ...a.letters]))
  const shared = [...left.letters].filter((letter) => right.letters.includes(letter))
  const batch = shared.filter((letter) => needed.has(letter)).join('')
  const inner = shared.filter((letter) => !needed.has(letter)).join('')
  const rows = [...left.letters].filter((letter) => !shared.includes(letter)).join('')
  const columns = [...right.letters].filter((letter) => !shared.includes(letter)).join('')
  const sizes = (letters: string): Shape =>
    [...letters].map((letter) => {
      const axis = left.letters.indexOf(letter)
      return axis >= 0 ? left.value.shape[axis]! : right.value.shape[right.letters.indexOf(letter)]!
    })
  const letters = batch + rows + columns
  if (inner === '') {
    const ones = (count: string) => [...count].map(() => 1)
    const first = reshape(arrange(left.value, left.letters, batch + rows), [...sizes(batch + rows), ...ones(columns)])
    const second = arrange(right.value, right.letters, batch + columns)
    return { value: mul(first, reshape(second, [...sizes(batch), ...ones(rows), ...sizes(columns)])), letters }
  }
  const B = batch === '' ? [] : [sizeOf(sizes(batch))]
  const [M, K, N] = [rows, inner, columns].map((group) => sizeOf(sizes(group))) as [Dim, Dim, Dim]
  const product = matMul(
    reshape(arrange(left.value, left.letters, batch + rows + inner), [...B, M, K]),
    reshape(arrange(right.value, right.letters, batch + inner + columns), [...B, K, N]),
  )
  return { value: reshape(product, sizes(letters)), letters }
}
