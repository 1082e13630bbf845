import { Builder } from '../../graph/builder.ts'
import { Node, type Graph, type Value } from '../../graph/graph.ts'
import { HONE } from '../../graph/operator.ts'

/**
 * Moves max pooling before what commutes with it, relu and a convolution's bias, which then work on a quarter of the elements; in a training step their
 * gradients as well. Exact: both keep the order of the elements of a channel. A convolution that the runtime computes fuses both: it is left alone.
 * @param isLowered whether a convolution is computed otherwise.
 */
export function poolFirst(graph: Graph, isLowered: (conv: Node) => boolean): void {
  for (const pool of graph.nodes('MaxPool')) {
    const before = pool.input(0).producer
    const source = before?.type === 'Relu' ? before.input(0).producer : before
    if (pool.outputs.length > 1 || (source?.type === 'Conv' && !isLowered(source))) continue
    const moved = before?.type === 'Relu' ? reluAfter(graph, pool, before) : pool
    const conv = moved.input(0).producer
    if (conv?.type === 'Conv' && conv.inputs[2]) biasAfter(graph, moved, conv)
  }
  graph.removeUnused()
  graph.sort()
}

/** The gradients of a pooling of `x`; null where anything but the pooling, they, and `others` reads x. */
function gradientsOf(pool: Node, x: Value, others: (user: Node) => boolean = () => false): readonly Node[] | null {
  const isGradient = (user: unknown): user is Node => user instanceof Node && user.type === 'MaxPoolGrad' && user.input(0) === x
  const known = x.uses.every(({ user }) => user === pool || isGradient(user) || (user instanceof Node && others(user)))
  return known ? x.users.filter(isGradient) : null
}

/** Pooling of relu(z) becomes relu of the pooled z. @returns the pooling that stands in the graph now. */
function reluAfter(graph: Graph, pool: Node, relu: Node): Node {
  const isMask = (user: Node) => user.type === 'Greater' && user.input(0) === relu.output && user.input(1).constant?.toNumbers()[0] === 0
  const gradients = gradientsOf(pool, relu.output, isMask)
  const masked = gradients?.map((gradient) => gradient.output.users)
  if (!gradients || !masked!.flat().every((user) => user.type === 'Mul' && user.inputs.some((side) => isMask(side?.producer?.inputs[0]?.producer ?? pool)))) return pool
  const builder = new Builder(graph, `${pool.name}.`)
  const z = relu.input(0)
  const pooled = builder.op('MaxPool', [z], Object.fromEntries(pool.attributes))
  const y = builder.relu(pooled)
  pool.output.replaceWith(y)
  gradients.forEach((gradient, i) => {
    const arrived = builder.mul(gradient.input(1), builder.positive(y))
    const dz = builder.op('MaxPoolGrad', [z, arrived], Object.fromEntries(gradient.attributes), { domain: HONE })
    for (const product of masked![i]!) product.output.replaceWith(dz)
  })
  pool.remove()
  graph.removeUnused()
  return pooled.producer!
}

/** Pooling of a convolution with bias becomes the pooling of one without, plus the bias. A bias's gradient sums what arrives at the pooling. */
function biasAfter(graph: Graph, pool: Node, conv: Node): void {
  const gradients = gradientsOf(pool, conv.output)
  const bias = conv.input(2)
  if (!gradients) return
  const builder = new Builder(graph, `${conv.name}.`)
  conv.truncateInputs(2)
  const { output } = pool
  const offset = builder.reshape(bias, [1, -1, 1, 1])
  const sum = builder.add(output, offset)
  for (const { user, index } of output.uses) if (user !== sum.producer) redirect(user, index, sum)
  for (const gradient of gradients)
    for (const total of gradient.output.users) if (total.type === 'ReduceSum' && isOverPixels(total)) total.setInput(0, gradient.input(1))
}

function redirect(user: Node | Graph, index: number, to: Value): void {
  if (user instanceof Node) user.setInput(index, to)
  else user.setOutput(index, to)
}

function isOverPixels(total: Node): boolean {
  return String(total.inputs[1]?.constant?.toNumbers()) === '0,2,3'
}
