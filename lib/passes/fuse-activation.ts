import { attribute, floats } from '../graph/attribute.ts'
import type { Node } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { alsoFeeds, originOf } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'

const LARGEST = 3.4028234663852886e38

/** What ONNX Runtime's FusedConv takes as `activation_params`, by activation; null where a parameter is not a constant. */
const PARAMETERS: Readonly<Record<string, (node: Node) => readonly number[] | null>> = {
  Relu: () => [],
  Sigmoid: () => [],
  Tanh: () => [],
  LeakyRelu: (node) => [node.float('alpha', 0.01)],
  HardSigmoid: (node) => [node.float('alpha', 0.2), node.float('beta', 0.5)],
  Clip: (node) => {
    const bounds = [1, 2].map((i) => node.inputs[i]?.constant?.toNumbers()[0])
    if ([1, 2].some((i) => node.inputs[i] && bounds[i - 1] === undefined)) return null
    return [bounds[0] ?? node.float('min', -LARGEST), bounds[1] ?? node.float('max', LARGEST)]
  },
}

export interface FuseActivationOptions {
  /** Where it will run: the CPU fuses each of these activations, CUDA only Relu. */
  device?: 'cpu' | 'cuda'
}

/**
 * Merges Relu, Sigmoid, Tanh, LeakyRelu, HardSigmoid or Clip into the convolution before it, as ONNX Runtime's own operator FusedConv: the activation is
 * applied while the result is still in the cache. Exact. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedConv
 */
export function fuseActivation({ device = 'cpu' }: FuseActivationOptions = {}): Pass {
  if (!['cpu', 'cuda'].includes(device)) throw new RangeError(`fuseActivation: ONNX Runtime has FusedConv on cpu and cuda, not on ${device}`)
  return pass('fuse-activation', { device }, (graph, report) => {
    for (const node of graph.nodes()) {
      if (node.domain || !PARAMETERS[node.type]) continue
      const conv = node.input(0).producer
      if (conv?.type !== 'Conv' || conv.domain) {
        report.refuse(node, `its input is ${originOf(node.input(0))}, not a convolution`)
        continue
      }
      const reason = obstacle(node, conv, device)
      if (reason) {
        report.refuse(node, reason)
        continue
      }
      const parameters = PARAMETERS[node.type](node) ?? []
      const attributes = new Map(conv.attributes).set('activation', attribute(node.type))
      if (parameters.length) attributes.set('activation_params', floats(parameters))
      const fused = graph.add('FusedConv', conv.inputs, attributes, { domain: MICROSOFT, name: conv.name, types: [node.output] })
      graph.opsets.set(MICROSOFT, 1)
      node.output.replaceWith(fused.output)
      report.change(node, `fused into ${labelOf(conv)}`)
    }
  })
}

function obstacle(node: Node, conv: Node, device: string): string | null {
  if (!PARAMETERS[node.type](node)) return 'its bounds are not constants'
  const feeds = alsoFeeds(conv.output, node)
  if (feeds) return feeds
  if (conv.input(1).producer?.type === 'DequantizeLinear') return `${labelOf(conv)} is quantized, and ONNX Runtime merges them by itself`
  if (device === 'cuda' && node.type !== 'Relu') return `CUDA's FusedConv takes Relu only, not ${node.type}`
  if (conv.output.dtype !== 'float32') return `FusedConv computes in float32, and ${labelOf(conv)} in ${conv.output.dtype ?? 'a type that is not known'}`
  return null
}
