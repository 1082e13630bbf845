import { attributeText } from './attribute.ts'
import { Builder } from './builder.ts'
import { formatShape } from './dim.ts'
import { Graph, type Node } from './graph.ts'
import type { FunctionProto } from './onnx_pb.ts'
import { HONE, type Operator } from './operator.ts'
import { operatorOf } from './ops/index.ts'

/** What distinguishes one expansion of an operator from another: attributes, and the types of its inputs. */
export function signature(node: Node): string {
  const attributes = [...node.attributes].map(([name, a]) => `${name}=${attributeText(a)}`).sort()
  return [node.type, ...attributes, ...node.inputs.map((v) => (v ? `${v.dtype}${formatShape(v.shape)}` : '-'))].join(' ')
}

/** The node's operator in ONNX's own operators, as a graph of its own with the node's inputs and outputs. @throws Error where it has no expansion. */
export function expansionOf(node: Node, expansion: Operator['expansion'] = operatorOf(node)?.expansion): Graph {
  if (!expansion) throw new Error(`${node}: ${node.domain}.${node.type} has no expansion in ONNX's operators`)
  const body = new Graph(node.type)
  for (const [domain, version] of node.graph.root.opsets) body.opsets.set(domain, version)
  const inputs = node.inputs.map((v, i) => (v ? body.input(`input_${i}`, v.dtype, v.shape) : undefined!))
  const outputs = expansion({ graph: new Builder(body), node, inputs })
  outputs.forEach((value, i) => body.addOutput(value, `output_${i}`))
  body.removeUnused()
  return body
}

/** A function that a file holds for one of hone's operators: not kept, since it is written anew. */
export function isHoneFunction(f: FunctionProto): boolean {
  return f.domain === HONE && operatorOf({ type: f.name, domain: HONE } as Node)?.expansion !== undefined
}
