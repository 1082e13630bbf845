import { attribute } from '../graph/attribute.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { numberOf, operands, soleProducer, soleReader } from './neighbours.ts'
import { pass, type Pass } from './pass.ts'

/** The first operator set that has Gelu. https://onnx.ai/onnx/operators/onnx__Gelu.html */
const GELU_OPSET = 20

/**
 * Makes one Gelu of x·(1 + erf(x/√2))/2 as exporters write it out, in any order of its factors. Exact but for rounding. Hendrycks & Gimpel 2016,
 * https://arxiv.org/abs/1606.08415
 */
export function fuseGelu(): Pass {
  return pass('fuse-gelu', {}, (graph, report) => {
    for (const erf of graph.nodes('Erf')) {
      const found = rootOf(erf)
      if (!found) report.refuse(erf, 'what is around it is not x·(1 + erf(x/√2))/2')
      else if (versionOf(graph) < GELU_OPSET) report.refuse(erf, `operator set ${versionOf(graph)} has no Gelu, ${GELU_OPSET} is the first`)
      else {
        const gelu = graph.add('Gelu', [found.x], new Map([['approximate', attribute('none')]]), { types: [found.y] })
        found.y.replaceWith(gelu.output)
        report.change(erf, `${found.x} through one Gelu`)
      }
    }
  })
}

const versionOf = (graph: Graph): number => graph.root.opsets.get('') ?? 1
const near = (a: number | null, b: number): boolean => a !== null && Math.abs(a - b) < 1e-4

/** x and y of y = x·(1 + erf(x/√2))/2 around an Erf. */
function rootOf(erf: Node): { x: Value; y: Value } | null {
  const x = divided(erf.input(0))
  const one = soleReader(erf.output, 'Add')
  if (!x || !one || numberOf(otherOf(one, erf.output)) !== 1) return null
  const factors: (Value | number)[] = []
  let y = one.output
  while (factors.length < 2) {
    const product = soleReader(y, 'Mul')
    const quotient = soleReader(y, 'Div')
    if (product) factors.push(...factorsOf(otherOf(product, y), product))
    else if (quotient?.input(0) === y) factors.push(1 / (numberOf(quotient.inputs[1]) ?? NaN))
    else return null
    y = (product ?? quotient)!.output
  }
  return factors.length === 2 && factors.includes(x) && factors.includes(0.5) ? { x, y } : null
}

/** x of x/√2 or x·(1/√2). */
function divided(value: Value): Value | null {
  const node = value.producer
  if (node?.type === 'Div' && near(numberOf(node.inputs[1]), Math.SQRT2)) return node.input(0)
  const found = node?.type === 'Mul' ? operands(node, (factor) => near(numberOf(factor), Math.SQRT1_2)) : null
  return found?.[1] ?? null
}

/** A number, a value, or the two of them that are multiplied. */
function factorsOf(value: Value, reader: Node): readonly (Value | number)[] {
  const product = soleProducer(value, 'Mul', reader)
  const halved = product && operands(product, (factor) => numberOf(factor) !== null)
  return halved ? [halved[1], numberOf(halved[0])!] : [numberOf(value) ?? value]
}

const otherOf = (node: Node, value: Value): Value => (node.input(0) === value ? node.input(1) : node.input(0))
