import type { Graph, Node, Value } from '../graph/graph.ts'

/**
 * Operators that ONNX Runtime's CPU provider runs on 8-bit integers when they stand between DequantizeLinear and QuantizeLinear, as the graphs that it
 * makes of them show. Those that only move elements, or choose among them, need the same scale before and after.
 */
export const SAME_SCALE: ReadonlySet<string> = new Set(['Flatten', 'Gather', 'MaxPool', 'Reshape', 'Slice', 'Squeeze', 'Transpose', 'Unsqueeze'])
const OWN_SCALE: ReadonlySet<string> = new Set(['Add', 'AveragePool', 'Concat', 'GlobalAveragePool', 'LeakyRelu', 'Mul', 'Relu', 'Sigmoid'])

/** Which activations are stored in 8 bits. */
export interface Int8Values {
  /** Each such value, and the one whose scale it takes: itself, or one that it is a part of. */
  readonly scaleOf: ReadonlyMap<Value, Value>
  /** Those that are computed in 8 bits: nothing reads them otherwise. */
  readonly computed: ReadonlySet<Value>
  /** Nodes between the layers that stay in 8 bits. */
  readonly carriers: ReadonlySet<Node>
}

/**
 * What the layers read and write, and what lies between them, as far as 8 bits reach. Where the levels of an activation end where its numbers do, saturating is
 * all that a Relu or Clip before it does; where levels are `symmetric`, it does its work on 8 bits.
 */
export function int8Values(graph: Graph, layers: readonly Node[], { symmetric = false }: { readonly symmetric?: boolean } = {}): Int8Values {
  const scaleOf = new Map<Value, Value>()
  const computed = new Set<Value>()
  const carriers = new Map<Node, Value>()
  const absorbed = new Set<Node>()
  const end = (value: Value) => {
    const activation = soleReader(value, ['Relu', 'Clip'])
    if (!activation) return value
    absorbed.add(activation)
    if (!symmetric) return activation.output
    computed.add(value)
    scaleOf.set(value, activation.output)
    carriers.set(activation, activation.output)
    return activation.output
  }
  for (const node of graph.nodes()) {
    if (layers.includes(node)) {
      const x = node.input(0)
      if (!scaleOf.has(x)) scaleOf.set(x, x)
      const biased = node.type === 'MatMul' ? addedBias(node.output) : null
      const y = end(biased?.output ?? node.output)
      computed.add(y)
      if (biased) absorbed.add(biased)
      // a product may leave its result in float32; a convolution may not, and ONNX Runtime makes MatMul and Add a float32 Gemm where it does
      if (node.type === 'Conv' || biased) scaleOf.set(y, y)
    } else if ((SAME_SCALE.has(node.type) || OWN_SCALE.has(node.type)) && !node.domain && !absorbed.has(node) && isInt8(node, scaleOf)) {
      const same = SAME_SCALE.has(node.type)
      const y = same ? node.output : end(node.output)
      computed.add(y)
      scaleOf.set(y, same ? scaleOf.get(node.input(0))! : y)
      carriers.set(node, y)
    }
  }
  // what nothing reads in 8 bits in the end would only lose precision
  for (const [carrier, y] of [...carriers].reverse()) {
    if (y.users.some((user) => layers.includes(user) || carriers.has(user))) continue
    carriers.delete(carrier)
    scaleOf.delete(y)
    computed.delete(y)
  }
  return { scaleOf, computed, carriers: new Set(carriers.keys()) }
}

function isInt8(node: Node, known: ReadonlyMap<Value, Value>): boolean {
  const data = SAME_SCALE.has(node.type) ? node.inputs.slice(0, 1) : node.inputs
  return data.every((value) => value && known.has(value)) && node.outputs.slice(1).every((output) => !output.uses.length)
}

function soleReader(value: Value, types: readonly string[]): Node | null {
  const [reader] = value.users
  const alone = value.uses.length === 1 && reader && reader.graph === value.graph && reader.inputs[0] === value
  return alone && !reader.domain && types.includes(reader.type) ? reader : null
}

function addedBias(value: Value): Node | null {
  const [add] = value.users
  if (value.uses.length !== 1 || add?.type !== 'Add' || add.graph !== value.graph) return null
  return add.inputs.some((input) => input !== value && input?.constant) ? add : null
}
