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
 * right, each pair by one matrix product. A letter may occur once in each value. `...` stands for any number of axes, counted from
 * their end; those of size 1 are repeated as the others need, and without `->` they come first.
 */
export function einsum(formula: string, ...values: Value[]): Value {
  const { operands, output } = parse(formula, values)
  let left = operands[0]!
  for (const [i, operand] of operands.entries()) {
    if (i === 0) continue
    const later = operands.slice(i + 1).map(({ letters }) => letters)
    left = multiply(left, operand, new Set(output + later.join('')))
  }
  const { value, letters } = sumOut(left, new Set(output))
  return arrange(value, letters, output)
}

function parse(formula: string, values: readonly Value[]): { operands: Lettered[]; output: string } {
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
  const wellFormed = (part: string) => /^[A-Za-z]*([.]{3})?[A-Za-z]*$/.test(part)
  if (more.length > 0 || ![...inputs, right ?? ''].every(wellFormed))
    fail('expected letters, commas, one "->" and one "..." for each operand')
  if (inputs.length !== values.length) fail(`has ${inputs.length} operands, ${values.length} were given`)
  const counts = inputs.map((letters, i) => {
    const named = letters.replace('...', '').length
    const rest = values[i]!.shape.length - named
    if (letters.includes('...') ? rest < 0 : rest !== 0)
      fail(`"${letters}" names ${named} axes, operand ${i} has ${values[i]!.shape.length}`)
    return rest
  })
  const others = [...'zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA'].filter((c) => !formula.includes(c))
  const rest = others.slice(0, Math.max(...counts)).join('')
  const whole = inputs.map((letters, i) => letters.replace('...', rest.slice(rest.length - counts[i]!)))
  const sizes = new Map<string, Dim>()
  for (const [i, letters] of whole.entries()) {
    if (new Set(letters).size !== letters.length) fail(`the operand "${inputs[i]}" has a letter twice`)
    for (const [axis, letter] of [...letters].entries()) {
      const size = values[i]!.shape[axis]!
      const known = sizes.get(letter)
      const repeats = rest.includes(letter) && (known === 1 || size === 1)
      if (known !== undefined && known !== size && !repeats)
        fail(`"${rest.includes(letter) ? '...' : letter}" is ${known} in one operand and ${size} in another`)
      if (known === undefined || known === 1) sizes.set(letter, size)
    }
  }
  const named = [...sizes.keys()].filter((letter) => !rest.includes(letter))
  const once = named.filter((letter) => whole.join('').split(letter).length === 2)
  if (right !== undefined && rest !== '' && !right.includes('...'))
    fail('the result must have "..." where the operands have it')
  const output = right === undefined ? rest + once.sort().join('') : right.replace('...', rest)
  if (new Set(output).size !== output.length || ![...output].every((letter) => sizes.has(letter)))
    fail('the result must name letters of the operands, each once')
  return { operands: whole.map((letters, i) => withoutRepeated({ value: values[i]!, letters }, sizes)), output }
}

/** Without axes of size 1 that others are longer on: a product repeats what lacks a letter. */
function withoutRepeated({ value, letters }: Lettered, sizes: ReadonlyMap<string, Dim>): Lettered {
  const axes = [...letters]
    .map((_, axis) => axis)
    .filter((axis) => value.shape[axis] !== 1 || sizes.get(letters[axis]!) === 1)
  if (axes.length === letters.length) return { value, letters }
  const shape = axes.map((axis) => value.shape[axis]!)
  return { value: reshape(value, shape), letters: axes.map((axis) => letters[axis]).join('') }
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
