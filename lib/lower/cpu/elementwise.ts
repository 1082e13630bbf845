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

function isElementwise(node: Node): boolean {
  return node.domain === '' && TYPES.has(node.type) && node.outputs.length === 1 && node.inputs.every((value) => !value || isStatic(value.shape))
}

/** An operator that treats every element alike runs in whatever layout its operands are held. */
export const elementwise: Recipe = {
  layouts: (node) => (isElementwise(node) ? new Map() : null),
  lower(node, lowering) {
    const { output } = node
    const layout = lowering.home(output)
    if (layout === PLAIN) return lowering.copy(node)
    const operands = node.inputs.map((value) => value && operand(value, output, layout, lowering))
    const attributes = Object.fromEntries(node.attributes)
    const [lowered] = lowering.builder.ops(node.type, operands, attributes)
    const repeats = node.inputs.some((value) => value && isRepeated(value, output))
    lowering.write(output, repeats ? lowering.builder.reshape(lowered!, layout.held(output.shape as readonly number[])) : lowered!)
  },
}

/** In the layout of the output: of four axes where one of the operands is repeated along some, so that all are broadcast alike. */
function operand(value: Value, output: Value, layout: Layout, lowering: Lowering): Value {
  const { order } = layout
  if (!order || Number(value.size) === 1) {
    const held = lowering.read(value, PLAIN)
    return order && held.rank ? lowering.builder.reshape(held, []) : held
  }
  const spread = output.producer!.inputs.some((other) => other && isRepeated(other, output))
  if (!isRepeated(value, output)) {
    const held = lowering.read(value, layout)
    return spread ? lowering.builder.reshape(held, order.map((axis) => Number(output.shape![axis]))) : held
  }
  const aligned = [...Array<number>(order.length - value.rank!).fill(1), ...(value.shape as readonly number[])]
  return lowering.builder.transpose(lowering.builder.reshape(lowering.read(value, PLAIN), aligned), order)
}

/** Broadcast along an axis, and no single number. */
const isRepeated = (value: Value, output: Value): boolean => Number(value.size) !== 1 && String(value.shape) !== String(output.shape)
