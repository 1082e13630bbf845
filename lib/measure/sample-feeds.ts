import { isFloat, sizeOf, Tensor } from '../graph/tensor.ts'
import { random } from '../random.ts'
import type { Port, Tensors } from '../runtime/boundary.ts'

/**
 * Inputs for a model that is measured, not used: floats between -1 and 1, everything else 0 (an index that every table has). Symbols are given by
 * `sizes`; others are 1.
 * @throws RangeError where a size is not a whole number from 1 on, or names no symbol.
 */
export function sampleFeeds(inputs: readonly Port[], sizes: Readonly<Record<string, number>> = {}, seed = 0): Tensors {
  const symbols = new Set(inputs.flatMap(({ shape }) => shape.filter((d) => typeof d === 'string')))
  for (const [name, size] of Object.entries(sizes)) {
    if (!symbols.has(name)) throw new RangeError(`there is no dimension "${name}", only ${[...symbols].map((symbol) => `"${symbol}"`).join(', ') || 'fixed ones'}`)
    if (!(Number.isInteger(size) && size > 0)) throw new RangeError(`the dimension ${name} is a whole number from 1 on, not ${size}`)
  }
  const source = random(seed)
  return Object.fromEntries(inputs.map(({ name, dtype, shape }) => {
    const known = shape.map((d) => (typeof d === 'number' ? d : (sizes[d] ?? 1)))
    if (dtype === 'string') return [name, Tensor.of('string', known, Array.from({ length: sizeOf(known) }, () => ''))]
    return [name, isFloat(dtype) ? Tensor.of(dtype, known, Array.from({ length: sizeOf(known) }, () => 2 * source.next() - 1)) : Tensor.zeros(dtype, known)]
  }))
}

/** The symbol of the first input's first axis: what usually counts the items of a batch. */
export function batchSymbol(inputs: readonly Port[]): string | undefined {
  const [first] = inputs[0]?.shape ?? []
  return typeof first === 'string' ? first : undefined
}
