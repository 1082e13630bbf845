import type { Builder } from '../builder.ts'
import { add as addDims, differs, elements, floorDivide, multiply, sameDim, subtract, type Dim, type Shape } from '../dim.ts'
import type { Node, TensorType, Value } from '../graph.ts'
import { everyDimension, noGradient, operator, type GradientContext, type Link, type Operator } from '../operator.ts'
import { origins } from '../origins.ts'
import { DATA_TYPES, type DataType } from '../tensor.ts'

/** The shape that operands of these shapes are broadcast to. https://onnx.ai/onnx/repo-docs/Broadcasting.html @throws Error where they do not fit. */
export function broadcast(shapes: readonly (Shape | null)[]): Shape | null {
  if (shapes.includes(null)) return null
  const known = shapes as readonly Shape[]
  const rank = Math.max(...known.map((s) => s.length))
  return Array.from({ length: rank }, (_, axis) => {
    const dims = known.flatMap((s) => (axis >= rank - s.length ? [s[axis - rank + s.length]!] : [])).filter((d) => d !== 1)
    const number = dims.find((d) => typeof d === 'number')
    const unlike = dims.find((d) => typeof d === 'number' && d !== number)
    if (unlike !== undefined) throw new Error(`shapes ${known.map((s) => `[${s.map((d) => d ?? '?').join(', ')}]`).join(' and ')} cannot be broadcast: ${number} is not ${unlike}`)
    if (number !== undefined) return number
    return dims.every((d) => sameDim(d, dims[0])) ? (dims.length ? dims[0] : 1) : null
  })
}

const first = ([x]: readonly Value[]): TensorType[] => [{ dtype: x.dtype, shape: x.shape }]
const flopsPerElement = (flops: number) => ([x]: readonly Value[]) => ({ flops: scaled(x.size, flops) })
const scaled = (size: Dim, by: number): Dim => (by === 1 ? size : elements([size, by]))

/** An operator of one input whose gradient is `dy` times a factor. */
function unary(type: string, flops: number, derivative?: (graph: Builder, x: Value, y: Value, node: Node) => Value): Operator {
  return operator(type, {
    shape: first,
    cost: flopsPerElement(flops),
    coupling: everyDimension,
    ...(derivative && {
      gradient: ({ graph, node, inputs: [x], outputs: [y], gradients: [dy] }: GradientContext) => [graph.mul(dy, derivative(graph, x, y, node))],
    }),
  })
}

/** Rectified linear unit, max(x, 0). https://onnx.ai/onnx/operators/onnx__Relu.html */
export const relu = operator('Relu', {
  shape: first,
  cost: ([x]) => ({ flops: x.size }),
  gradient: ({ graph, outputs: [y], gradients: [dy] }) => [graph.mul(dy, graph.positive(y))],
  coupling: everyDimension,
})

export const unaries = [
  unary('Sigmoid', 4, (g, _, y) => g.mul(y, g.sub(1, y))),
  unary('Tanh', 5, (g, _, y) => g.sub(1, g.mul(y, y))),
  unary('Exp', 1, (_, __, y) => y),
  unary('Log', 1, (g, x) => g.div(1, x)),
  unary('Sqrt', 1, (g, _, y) => g.div(0.5, y)),
  unary('Reciprocal', 1, (g, _, y) => g.neg(g.mul(y, y))),
  unary('Neg', 1, (g, x) => g.scalar(-1, x.dtype)),
  unary('Abs', 1, (g, x) => g.op('Sign', [x])),
  unary('Sin', 1, (g, x) => g.op('Cos', [x])),
  unary('Cos', 1, (g, x) => g.neg(g.op('Sin', [x]))),
  unary('Erf', 8, (g, x) => g.mul(2 / Math.sqrt(Math.PI), g.exp(g.neg(g.mul(x, x))))),
  unary('Softplus', 3, (g, x) => g.op('Sigmoid', [x])),
  unary('LeakyRelu', 2, (g, x, _, node) => {
    const alpha = node.float('alpha', 0.01)
    return g.add(alpha, g.mul(g.positive(x), 1 - alpha))
  }),
  unary('Elu', 3, (g, x, y, node) => {
    const positive = g.positive(x)
    return g.add(positive, g.mul(g.sub(1, positive), g.add(y, node.float('alpha', 1))))
  }),
  unary('Celu', 3, (g, x, _, node) => {
    const positive = g.positive(x)
    return g.add(positive, g.mul(g.sub(1, positive), g.exp(g.div(g.neg(g.relu(g.neg(x))), node.float('alpha', 1)))))
  }),
  unary('Selu', 3, (g, x, y, node) => {
    const [positive, gamma] = [g.positive(x), node.float('gamma', 1.0507009873554805)]
    return g.add(g.mul(positive, gamma), g.mul(g.sub(1, positive), g.add(y, gamma * node.float('alpha', 1.6732632423543772))))
  }),
  unary('Softsign', 3, (g, x) => {
    const below = g.add(1, g.op('Abs', [x]))
    return g.div(1, g.mul(below, below))
  }),
  unary('Mish', 8, (g, x) => {
    const t = g.op('Tanh', [g.op('Softplus', [x])])
    return g.add(t, g.mul(g.mul(x, g.op('Sigmoid', [x])), g.sub(1, g.mul(t, t))))
  }),
  unary('HardSigmoid', 3, (g, x, y, node) => g.mul(g.sub(g.positive(y), g.cast(g.op('GreaterOrEqual', [y, g.scalar(1, y.dtype)]), y.dtype)), node.float('alpha', 0.2))),
  unary('HardSwish', 4, (g, x) => {
    const inner = g.add(g.div(x, 3), 0.5)
    const above = g.cast(g.op('GreaterOrEqual', [x, g.scalar(3, x.dtype)]), x.dtype)
    return g.add(above, g.mul(inner, g.sub(g.positive(g.add(x, 3)), above)))
  }),
  unary('Gelu', 12, geluSlope),
  unary('Sign', 1), unary('Floor', 1), unary('Ceil', 1), unary('Round', 1),
  unary('Not', 1),
]

/** Derivative of x·Φ(x), exact or of its approximation by tanh. https://onnx.ai/onnx/operators/onnx__Gelu.html */
function geluSlope(g: Builder, x: Value, _: Value, node: Node): Value {
  const square = g.mul(x, x)
  if (node.string('approximate', 'none') === 'tanh') {
    const t = g.op('Tanh', [g.mul(g.mul(x, Math.sqrt(2 / Math.PI)), g.add(1, g.mul(square, 0.044715)))])
    const inner = g.mul(Math.sqrt(2 / Math.PI), g.add(1, g.mul(square, 3 * 0.044715)))
    return g.mul(0.5, g.add(g.add(1, t), g.mul(g.mul(x, inner), g.sub(1, g.mul(t, t)))))
  }
  const share = g.mul(0.5, g.add(1, g.op('Erf', [g.mul(x, Math.SQRT1_2)])))
  return g.add(share, g.mul(g.mul(x, 1 / Math.sqrt(2 * Math.PI)), g.exp(g.mul(square, -0.5))))
}

/** PyTorch's clamp has the slope 1 at its bounds, its relu6 has 0 there. https://onnx.ai/onnx/operators/onnx__Clip.html */
export const clip = operator('Clip', {
  shape: first,
  cost: flopsPerElement(2),
  coupling: (node) => everyDimension(node),
  gradient({ graph, inputs: [x, low, high], gradients: [dy] }) {
    const isRelu6 = low?.constant?.toNumbers()[0] === 0 && high?.constant?.toNumbers()[0] === 6
    const [above, below] = isRelu6 ? ['Greater', 'Less'] : ['GreaterOrEqual', 'LessOrEqual']
    const inside = [low && graph.op(above!, [x, low]), high && graph.op(below!, [x, high])].filter((v) => v !== undefined)
    return [inside.reduce((d, mask) => graph.mul(d, graph.cast(mask, d.dtype)), dy)]
  },
})

export const identity = operator('Identity', {
  shape: ([x]) => [x],
  cost: () => ({ flops: 0 }),
  gradient: ({ gradients: [dy] }) => [dy],
  coupling: everyDimension,
})

/** https://onnx.ai/onnx/operators/onnx__Cast.html */
export const cast = operator('Cast', {
  shape([x], node) {
    const dtype = DATA_TYPES[node.int('to')] ?? null
    return [{ dtype, shape: x.shape, contents: dtype === 'bool' ? null : contentsOf(x) }]
  },
  cost: () => ({ flops: 0 }),
  gradient: ({ graph, inputs: [x], gradients: [dy] }) => [graph.cast(dy, x.dtype)],
  coupling: everyDimension,
})

/** Before operator set 7 the second input is broadcast to the first: PRelu's slope by channels, that of others from an axis that they name. https://onnx.ai/onnx/operators/onnx__Add.html#add-6 */
const isOneSided = (node: Node): boolean => !node.domain && (node.graph.root.opsets.get('') ?? 7) < 7

function alignedAtEnd(node: Node): readonly Link[] {
  if (isOneSided(node)) throw new Error(`${node} broadcasts as operator sets before 7 do; convert the file to a newer one`)
  return everyDimension(node)
}

/** An operator of two broadcast inputs; `arithmetic` also does it on dimensions, so that shapes stay known through it. */
function binary(type: string, gradient?: Operator['gradient'], arithmetic?: (a: Dim, b: Dim) => Dim, dtype?: DataType, learned?: Operator['learned']): Operator {
  return operator(type, {
    shape([a, b], node) {
      const shape = isOneSided(node) ? a.shape : broadcast([a.shape, b.shape])
      return [{ dtype: dtype ?? a.dtype, shape, contents: arithmetic ? paired([a, b], ([x, y]) => arithmetic(x!, y!)) : null }]
    },
    cost: ([a, b], node) => ({ flops: elements(isOneSided(node) ? a.shape : broadcast([a.shape, b.shape])) }),
    coupling: alignedAtEnd,
    ...(gradient && { gradient }),
    ...(learned && { learned }),
  })
}

/** A bias or a scale along one axis of what is computed: one number for all is a constant, and what meets an input of the graph prepares it. */
function alongOneAxis({ inputs }: Node): readonly number[] {
  const isAlongOne = (stored: readonly Value[]) => stored.length === 1 && stored[0]!.initializer?.shape.filter((extent) => extent > 1).length === 1
  const isComputed = (value: Value | null | undefined) => Boolean(value?.producer) && !origins(value).some(({ initializer }) => initializer)
  return [0, 1].filter((i) => isAlongOne(origins(inputs[i])) && isComputed(inputs[1 - i]))
}

/** Shape arithmetic element by element: lists and single numbers of integers, not matrices. */
function paired(values: readonly Value[], combine: (dims: readonly Dim[]) => Dim): readonly Dim[] | null {
  const lists = values.map((v) => ((v.rank ?? 2) < 2 && (v.dtype === 'int64' || v.dtype === 'int32' || v.dtype === 'bool') ? contentsOf(v) : null))
  if (lists.some((list) => !list)) return null
  const length = lists.find((list) => list!.length !== 1)?.length ?? 1
  return Array.from({ length }, (_, i) => exact(combine(lists.map((list) => exact(list![list!.length === 1 ? 0 : i]!)))))
}

/** Beyond 2^53 numbers are rounded, and arithmetic on them is not to be relied on. */
const exact = (d: Dim): Dim => (typeof d === 'number' && !Number.isSafeInteger(d) ? null : d)

/** Integer division as ONNX has it, towards zero; symbolic sizes are not negative. */
function truncatedQuotient(a: Dim, b: Dim): Dim {
  return typeof a === 'number' && typeof b === 'number' && b !== 0 ? Math.trunc(a / b) : floorDivide(a, b)
}

/** The elements of a small integer tensor as dimensions: of a constant, or of what shape arithmetic gave. */
export function contentsOf(value: Value): readonly Dim[] | null {
  if (value.contents) return value.contents
  const { constant } = value
  if (!constant || !['int64', 'int32', 'bool'].includes(constant.dtype) || constant.size > 64) return null
  return constant.toNumbers()
}

export const binaries = [
  binary('Add', ({ graph, inputs: [a, b], gradients: [dy], wants }) => [
    wants(0) ? graph.sumTo(dy, a) : null, wants(1) ? graph.sumTo(dy, b) : null], (a, b) => addDims(a, b), undefined, alongOneAxis),
  binary('Sub', ({ graph, inputs: [a, b], gradients: [dy], wants }) => [
    wants(0) ? graph.sumTo(dy, a) : null, wants(1) ? graph.sumTo(graph.neg(dy), b) : null], subtract),
  binary('Mul', ({ graph, inputs: [a, b], gradients: [dy], wants }) => [
    wants(0) ? graph.sumTo(graph.mul(dy, b), a) : null, wants(1) ? graph.sumTo(graph.mul(dy, a), b) : null], (a, b) => multiply(a, b), undefined, alongOneAxis),
  binary('Div', ({ graph, inputs: [a, b], outputs: [y], gradients: [dy], wants }) => {
    const da = graph.div(dy, b)
    return [wants(0) ? graph.sumTo(da, a) : null, wants(1) ? graph.sumTo(graph.neg(graph.mul(da, y)), b) : null]
  }, truncatedQuotient),
  binary('Pow', ({ graph, inputs: [a, b], outputs: [y], gradients: [dy], wants }) => {
    const oneWhere = (zero: Value, x: Value) => graph.op('Where', [graph.op('Equal', [zero, graph.scalar(0, zero.dtype)]), graph.scalar(1, x.dtype), x])
    // 0 to the power of 0 − 1 would make NaN of a slope of 0
    const base = () => (b.constant && !b.constant.toNumbers().includes(0) ? a : oneWhere(b, a))
    return [
      wants(0) ? graph.sumTo(graph.mul(dy, graph.mul(graph.cast(b, a.dtype), graph.pow(base(), graph.sub(b, 1)))), a) : null,
      wants(1) ? graph.sumTo(graph.mul(dy, graph.mul(y, graph.log(oneWhere(a, a)))), b) : null,
    ]
  }),
  ...['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor'].map((type) => binary(type, noGradient, undefined, 'bool')),
  binary('Equal', noGradient, (a, b) => (sameDim(a, b) ? 1 : differs(a, b) ? 0 : null), 'bool'),
  binary('PRelu', ({ graph, inputs: [x, slope], gradients: [dy], wants }) => {
    const positive = graph.positive(x)
    return [
      wants(0) ? graph.mul(dy, graph.add(positive, graph.mul(graph.sub(1, positive), slope))) : null,
      wants(1) ? graph.sumTo(graph.mul(dy, graph.sub(x, graph.relu(x))), slope) : null,
    ]
  }, undefined, undefined, () => [1]),
  binary('Mod', undefined, (a, b) => (typeof a === 'number' && typeof b === 'number' && a >= 0 && b > 0 ? a % b : null)),
  binary('BitShift'),
]

/** Elementwise largest, smallest, sum of any number of inputs. Equal largest or smallest ones share the gradient, as PyTorch's maximum has it. */
export const variadics = ['Max', 'Min', 'Sum'].map((type) => operator(type, {
  shape: (inputs) => [{ dtype: inputs[0].dtype, shape: broadcast(inputs.map((x) => x.shape)) }],
  cost: (inputs) => ({ flops: elements([elements(broadcast(inputs.map((x) => x.shape))), inputs.length - 1]) }),
  coupling: everyDimension,
  gradient({ graph, inputs, outputs: [y], gradients: [dy], wants }) {
    if (type === 'Sum') return inputs.map((x, i) => (wants(i) ? graph.sumTo(dy, x) : null))
    const chosen = inputs.map((x) => graph.cast(graph.op('Equal', [x, y]), dy.dtype))
    const share = graph.div(dy, chosen.reduce((a, b) => graph.add(a, b)))
    return inputs.map((x, i) => (wants(i) ? graph.sumTo(graph.mul(share, chosen[i]!), x) : null))
  },
}))

/** https://onnx.ai/onnx/operators/onnx__Where.html */
export const where = operator('Where', {
  shape: ([condition, a, b]) => [{
    dtype: a.dtype, shape: broadcast([condition.shape, a.shape, b.shape]),
    contents: paired([condition, a, b], ([chosen, x, y]) => (typeof chosen === 'number' ? (chosen ? x! : y!) : null)),
  }],
  cost: ([condition, a, b]) => ({ flops: elements(broadcast([condition.shape, a.shape, b.shape])) }),
  coupling: everyDimension,
  gradient({ graph, inputs: [condition, a, b], gradients: [dy], wants }) {
    const chosen = graph.cast(condition, dy.dtype)
    return [null, wants(1) ? graph.sumTo(graph.mul(dy, chosen), a) : null, wants(2) ? graph.sumTo(graph.mul(dy, graph.sub(1, chosen)), b) : null]
  },
})
