import { Builder } from '../../graph/builder.ts'
import { Node, type Graph, type Value } from '../../graph/graph.ts'

/**
 * w − s·g, where g is zeros with some entries added, as the gradient of an embedding is: the entries, times −s, are added to w itself. The table is then
 * copied once, instead of being filled with zeros, multiplied and subtracted as a whole.
 */
export function scatterInto(graph: Graph): void {
  for (const difference of graph.nodes('Sub')) {
    const [table, scaled] = [difference.input(0), difference.input(1).producer]
    if (scaled?.type !== 'Mul' || !isReadOnce(scaled.output)) continue
    const scatter = scaled.inputs.map((value) => value!.producer).find((node) => node?.type === 'ScatterElements')
    const factor = scaled.inputs.find((value) => value !== scatter?.output)
    if (!scatter || !factor || factor.size !== 1 || !isReadOnce(scatter.output) || scatter.string('reduction') !== 'add' || !isZeros(scatter.input(0)) || String(table.shape) !== String(scatter.output.shape)) continue
    const builder = new Builder(graph, `${difference.name}.`)
    const updates = builder.mul(scatter.input(2), builder.neg(factor))
    difference.output.replaceWith(builder.op('ScatterElements', [table, scatter.input(1), updates], Object.fromEntries(scatter.attributes)))
  }
  graph.removeUnused()
  graph.sort()
}

const isReadOnce = (value: Value): boolean => value.uses.length === 1 && value.uses[0]!.user instanceof Node

/** ConstantOfShape without a value makes zeros. */
export function isZeros({ producer }: Value): boolean {
  const value = producer?.tensor('value')
  return producer?.type === 'ConstantOfShape' && (!value || value.toNumbers().every((number) => number === 0))
}
