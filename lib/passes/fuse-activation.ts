import { attribute, float, floats } from '../graph/attribute.ts'
import type { Node } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { alsoFeeds, originOf } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'

const LARGEST = 3.4028234663852886e38

/** What ONNX Runtime's fused operators take as parameters, by activation; null where a parameter is not a constant. */
const PARAMETERS: Readonly<Record<string, (node: Node) => readonly number[] | null>> = {
  Relu: () => [],
  Sigmoid: () => [],
  Tanh: () => [],
  LeakyRelu: (node) => [node.float('alpha', 0.01)],
  HardSigmoid: (node) => [node.float('alpha', 0.2), node.float('beta', 0.5)],
  Clip: clipBounds,
}

/** Between what a Clip keeps its numbers; null where a bound is not a constant. */
export function clipBounds(clip: Node): readonly [low: number, high: number] | null {
  const [low, high] = [1, 2].map((i) => clip.inputs[i]?.constant?.toNumbers()[0])
  if ((clip.inputs[1] && low === undefined) || (clip.inputs[2] && high === undefined)) return null
  return [low ?? clip.float('min', -LARGEST), high ?? clip.float('max', LARGEST)]
}

export interface FuseActivationOptions {
  /** Where it will run: the CPU fuses each of these activations, CUDA only Relu. */
  device?: 'cpu' | 'cuda'
}

/** What ONNX Runtime has a fused operator for, and which activations that takes. */
const FUSED: Readonly<Record<string, { readonly type: string; readonly activations: readonly string[] }>> = {
  Conv: { type: 'FusedConv', activations: ['Relu', 'Sigmoid', 'Tanh', 'LeakyRelu', 'HardSigmoid', 'Clip'] },
  FusedConv: { type: 'FusedConv', activations: ['Relu', 'Sigmoid', 'Tanh', 'LeakyRelu', 'HardSigmoid', 'Clip'] },
  Gemm: { type: 'FusedGemm', activations: ['Relu', 'Sigmoid', 'Tanh', 'LeakyRelu'] },
}

/**
 * Merges Relu, Sigmoid, Tanh, LeakyRelu, HardSigmoid or Clip into the convolution or linear layer before it, as ONNX Runtime's own operators FusedConv and
 * FusedGemm: the activation is applied while the result is still in the cache. Exact.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedConv
 */
export function fuseActivation({ device = 'cpu' }: FuseActivationOptions = {}): Pass {
  if (!['cpu', 'cuda'].includes(device)) throw new RangeError(`fuseActivation: ONNX Runtime has FusedConv on cpu and cuda, not on ${device}`)
  return pass('fuse-activation', { device }, (graph, report) => {
    for (const node of graph.nodes()) {
      if (node.domain || !PARAMETERS[node.type]) continue
      const layer = node.input(0).producer
      const fusion = layer && FUSED[layer.type]
      if (!layer || !fusion || layer.attributes.has('activation')) {
        report.refuse(node, `its input is ${originOf(node.input(0))}, not a convolution or a linear layer without an activation`)
        continue
      }
      const reason = obstacle(node, layer, fusion.activations, device)
      if (reason) {
        report.refuse(node, reason)
        continue
      }
      const parameters = PARAMETERS[node.type](node) ?? []
      const attributes = new Map(layer.attributes).set('activation', attribute(node.type))
      if (parameters.length && fusion.type === 'FusedConv') attributes.set('activation_params', floats(parameters))
      if (parameters.length && fusion.type === 'FusedGemm') attributes.set('activation_alpha', float(parameters[0]))
      const fused = graph.add(fusion.type, layer.inputs, attributes, { domain: MICROSOFT, name: layer.name, types: [node.output] })
      graph.opsets.set(MICROSOFT, 1)
      node.output.replaceWith(fused.output)
      report.change(node, `fused into ${labelOf(layer)}`)
    }
  })
}

function obstacle(node: Node, layer: Node, activations: readonly string[], device: string): string | null {
  if (!PARAMETERS[node.type](node)) return 'its bounds are not constants'
  const feeds = alsoFeeds(layer.output, node)
  if (feeds) return feeds
  if (layer.input(1).producer?.type === 'DequantizeLinear') return `${labelOf(layer)} is quantized, and ONNX Runtime merges them by itself`
  if (!activations.includes(node.type)) return `ONNX Runtime's ${FUSED[layer.type].type} takes ${activations.join(', ')}, not ${node.type}`
  if (device === 'cuda' && (node.type !== 'Relu' || layer.type === 'Gemm')) return `CUDA has FusedConv with Relu only, not ${layer.type} with ${node.type}`
  if (layer.output.dtype !== 'float32') return `${FUSED[layer.type].type} computes in float32, and ${labelOf(layer)} in ${layer.output.dtype ?? 'a type that is not known'}`
  return null
}
