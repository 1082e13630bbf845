import { differs, multiply, type Dim } from '../dim.ts'
import type { Node, Value } from '../graph.ts'
import { fixed, link, operator, type Port } from '../operator.ts'
import { knownShape } from './arguments.ts'

/** A letter for each axis of each input, and of the output. */
interface Equation {
  readonly inputs: readonly string[]
  readonly output: string
}

/** Null where an ellipsis stands for some of the axes. @throws Error where it does not fit the inputs. */
function equationOf(node: Node): Equation | null {
  const [left = '', right] = node.string('equation').replaceAll(' ', '').split('->')
  if (node.string('equation').includes('.')) return null
  const inputs = left.split(',')
  if (inputs.length !== node.inputs.length) throw new Error(`"${node.string('equation')}" is about ${inputs.length} inputs, and it has ${node.inputs.length}`)
  const letters = [...left.replaceAll(',', '')]
  return { inputs, output: right ?? letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).sort().join('') }
}

/** How long the axis of each letter is. @throws Error where two axes of one letter differ. */
function extents(inputs: readonly Value[], equation: Equation): ReadonlyMap<string, Dim> | null {
  if (inputs.some(({ shape }) => !shape)) return null
  const found = new Map<string, Dim[]>()
  equation.inputs.forEach((letters, i) => {
    const shape = knownShape(inputs[i]!)
    if (letters.length !== shape.length) throw new Error(`"${letters}" stands for ${letters.length} axes, and ${inputs[i]} has ${shape.length}`)
    for (const [axis, letter] of [...letters].entries()) found.set(letter, [...(found.get(letter) ?? []), shape[axis]!])
  })
  for (const [letter, dims] of found) {
    const other = dims.find((d) => differs(d, dims[0]!))
    if (other !== undefined) throw new Error(`"${letter}" stands for axes of ${dims[0]} and of ${other}`)
  }
  return new Map([...found].map(([letter, dims]) => [letter, dims.find((d) => typeof d === 'number') ?? dims[0]!]))
}

/** Einstein's sums of products. https://onnx.ai/onnx/operators/onnx__Einsum.html */
export const einsum = operator('Einsum', {
  shape(inputs, node) {
    const equation = equationOf(node)
    const sizes = equation && extents(inputs, equation)
    return [{ dtype: inputs[0].dtype, shape: sizes && [...equation!.output].map((letter) => sizes.get(letter) ?? null) }]
  },
  learned: ({ inputs }) => inputs.map((_, i) => i),
  cost(inputs, node) {
    const equation = equationOf(node)
    const sizes = equation && extents(inputs, equation)
    if (!sizes) return { macs: null, flops: null }
    const macs = multiply(...sizes.values(), inputs.length - 1)
    return { macs, flops: multiply(2, macs) }
  },
  gradient({ graph, node, inputs, gradients: [dy], wants }) {
    const equation = equationOf(node)
    if (!equation) throw new Error(`its gradient needs a letter for each axis, not "${node.string('equation')}"`)
    return inputs.map((_, i) => {
      if (!wants(i)) return null
      const wanted = equation.inputs[i]!
      const others = equation.inputs.toSpliced(i, 1)
      const lost = [...wanted].find((letter, at) => wanted.indexOf(letter) !== at || ![equation.output, ...others].some((letters) => letters.includes(letter)))
      if (lost) throw new Error(`its gradient is not known where "${lost}" is in one input alone, and not in the output, or twice in one`)
      return graph.op('Einsum', [dy, ...inputs.toSpliced(i, 1)], { equation: `${[equation.output, ...others].join(',')}->${wanted}` })
    })
  },
  coupling(node) {
    const equation = equationOf(node)
    if (!equation) throw new Error(`${node}: which axes its "..." stands for is not followed`)
    const ports = [...equation.inputs, equation.output].flatMap((letters, i) => [...letters].map((letter, axis) => ({ letter, port: { value: node.inputs[i] ?? node.output, axis } satisfies Port })))
    return ports.map(({ letter, port }) => {
      const first = ports.find((other) => other.letter === letter)!
      return first.port === port && !ports.some((other) => other.letter === letter && other.port !== port) ? fixed(port, `${node} adds up axis ${port.axis} of "${port.value}"`) : link(first.port, port)
    })
  },
})
