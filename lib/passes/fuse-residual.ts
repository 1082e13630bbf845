import type { Node, Value } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { alsoFeeds, operands } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'

/**
 * Merges a residual addition into the convolution before it, as the fourth input of ONNX Runtime's FusedConv: the sum is made while the result is still in the
 * cache. Then `fuseActivation` may merge the activation after it. On the CPU. Exact.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedConv
 */
export function fuseResidual(): Pass {
  return pass('fuse-residual', {}, (graph, report) => {
    for (const add of graph.nodes('Add')) {
      const found = add.domain ? null : operands(add, (value) => convolutionOf(value, add) !== null)
      if (!found) {
        if (!add.inputs.some((value) => value?.constant)) report.refuse(add, 'neither of its inputs is a convolution that nothing else reads')
        continue
      }
      const [sum, other] = found
      const conv = sum.producer!
      const reason = obstacle(add, conv, other)
      if (reason) {
        report.refuse(add, reason)
        continue
      }
      const fused = graph.add('FusedConv', [conv.input(0), conv.input(1), conv.inputs[2] ?? null, other], new Map(conv.attributes), { domain: MICROSOFT, name: conv.name, types: [add.output] })
      graph.opsets.set(MICROSOFT, 1)
      add.output.replaceWith(fused.output)
      add.remove()
      report.change(add, `fused into ${labelOf(conv)}`)
    }
  })
}

function convolutionOf(value: Value, reader: Node): Node | null {
  const conv = value.producer
  return conv?.type === 'Conv' && !conv.domain && !alsoFeeds(value, reader) ? conv : null
}

function obstacle(add: Node, conv: Node, other: Value): string | null {
  if (conv.input(1).producer?.type === 'DequantizeLinear') return `${labelOf(conv)} is quantized, and ONNX Runtime merges them by itself`
  if (conv.output.dtype !== 'float32') return `FusedConv computes in float32, and ${labelOf(conv)} in ${conv.output.dtype ?? 'a type that is not known'}`
  if (!conv.output.shape || String(conv.output.shape) !== String(other.shape)) return `what it adds to ${labelOf(conv)} has another shape`
  return add.input(0) === add.input(1) ? `it adds ${labelOf(conv)} to itself` : null
}
