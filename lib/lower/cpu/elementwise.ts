import type { Node, Value } from '../../graph/graph.ts'
import { isStatic } from '../../graph/dim.ts'
import { PLAIN, type Layout } from './layout.ts'
import type { Lowering, Recipe } from './lowering.ts'

const TYPES: ReadonlySet<string> = new Set([
  'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Sum', 'Where', 'Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Not', 'And', 'Or',
  'Relu', 'LeakyRelu', 'Elu', 'Sigmoid', 'Tanh', 'Softplus', 'HardSigmoid', 'HardSwish', 'Gelu', 'Clip', 'Cast', 'Identity',
  'Exp', 'Log', 'Sqrt', 'Reciprocal', 'Neg', 'Abs', 'Sign', 'Erf', 'Sin', 'Cos', 'Floor', 'Ceil', 'Round',
])

/** Values that a node computes element by element with each other: they are best held alike. Single numbers and what is repeated are not among them. */
export function tied(node: Node): readonly Value[] {
  const { output } = node
  if (!isElementwise(node)) return []
  return [output, ...node.inputs.filter((value) => value !== null && value.rank === output.rank && String(value.shape) === String(output.shape))] as Value[]
}

/** Whether a node computes every element of its output alike, from elements of the same place. */
export function isElementwise(node: Node): boolean {
  return node.domain === '' && TYPES.has(node.type) && node.outputs.length === 1 && node.inputs.every((value) => !value || isStatic(value.shape))
}

/** An operator that treats every element alike runs in whatever layout its output is held. */
export const elementwise: Recipe = {
  layouts: (node) => (isElementwise(node) ? new Map() : null),
  lower(node, lowering) {
    const { output } = node
    const layout = lowering.home(output)
    if (!layout.order) return lowering.copy(node)
    const isSpread = node.inputs.some((value) => value && isRepeated(value, output) && !isRow(value, output, layout))
    const operands = node.inputs.map((value) => value && (isSpread ? spread : held)(value, output, layout, lowering))
    const [lowered] = lowering.builder.ops(node.type, operands, Object.fromEntries(node.attributes))
    lowering.write(output, isSpread ? lowering.builder.reshape(lowered!, layout.held(output.shape as readonly number[])) : lowered!)
  },
}

/** Broadcast along an axis, and no single number. */
const isRepeated = (value: Value, output: Value): boolean => Number(value.size) !== 1 && String(value.shape) !== String(output.shape)

/** Broadcast along all axes but the one that the layout holds last, as an image's channels. */
function isRow(value: Value, output: Value, { order, held }: Layout): boolean {
  const last = order!.at(-1)!
  const length = Number(output.shape![last])
  return aligned(value, output).every((d, axis) => d === (axis === last ? length : 1)) && held(output.shape as readonly number[]).at(-1) === length
}

/** A shape with an axis for each of the output's. */
const aligned = (value: Value, output: Value): readonly number[] => [...Array<number>(output.rank! - value.rank!).fill(1), ...(value.shape as readonly number[])]

/** An operand of the output's shape, a row, or a single number. */
function held(value: Value, output: Value, layout: Layout, lowering: Lowering): Value {
  if (!isRepeated(value, output) && Number(value.size) !== 1) return lowering.read(value, layout)
  const plain = lowering.read(value, PLAIN)
  const shape = Number(value.size) === 1 ? [] : [Number(value.size)]
  return plain.rank === shape.length ? plain : lowering.builder.reshape(plain, shape)
}

/** An operand with an axis for each of the output's, in the layout's order, so that all are broadcast alike. */
function spread(value: Value, output: Value, layout: Layout, lowering: Lowering): Value {
  const { builder } = lowering
  if (Number(value.size) === 1) return held(value, output, layout, lowering)
  if (!isRepeated(value, output)) return builder.reshape(lowering.read(value, layout), layout.order!.map((axis) => Number(output.shape![axis])))
  return builder.transpose(builder.reshape(lowering.read(value, PLAIN), aligned(value, output)), layout.order!)
}
