import type { Graph, Node } from '../graph/graph.ts'
import { MICROSOFT } from '../graph/operator.ts'
import { unmasked } from './hold-zeros.ts'
import type { Report } from './pass.ts'
import { chosenLayers, type Selection } from './weight.ts'

const CANDIDATES: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'FusedConv', 'Gemm', 'MatMul'])

/** The chosen layers that can be computed in 8 bits; the others are refused with the reason. */
export function int8Layers(pass: string, graph: Graph, selection: Selection, report: Report, further: (layer: Node) => string | null): readonly Node[] {
  return chosenLayers(pass, graph, (node) => CANDIDATES.has(node.type) && ['', MICROSOFT].includes(node.domain), selection, report).filter((layer) => {
    const reason = obstacle(layer) ?? further(layer)
    if (reason) report.refuse(layer, reason)
    return !reason
  })
}

/** Which axis of a layer's weight counts its output channels. */
export function channelAxis(layer: Node): number {
  return layer.type === 'Conv' || (layer.type === 'Gemm' && layer.int('transB')) ? 0 : 1
}

function obstacle(layer: Node): string | null {
  if (layer.type === 'FusedConv') return 'an activation is fused into it: quantize first, and fuse what is left'
  if (layer.type === 'ConvTranspose') return 'ONNX Runtime has no 8-bit kernel for it'
  const [x, weight, bias] = [layer.input(0), unmasked(layer.input(1)), layer.inputs[2]]
  const dtype = [x, weight].find((value) => value.dtype !== 'float32')?.dtype
  if (dtype !== undefined) return `it computes in ${dtype ?? 'a type that is not known'}, not in float32`
  if (!weight.constant) return layer.type === 'MatMul' ? 'its second operand is not a constant' : 'its weight is not a constant'
  if (x.constant) return 'its input is a constant: fold it'
  if (bias && !bias.constant) return 'its bias is not a constant'
  const channels = weight.constant.shape[channelAxis(layer)]
  if (layer.type !== 'Conv' && weight.constant.shape.length !== 2) return `its weight has ${weight.constant.shape.length} dimensions, not two`
  if (bias && (bias.constant!.size !== channels || bias.constant!.shape.at(-1) !== channels)) return 'its bias is not one number for each channel'
  if (layer.type === 'Gemm' && (layer.int('transA') || layer.float('alpha', 1) !== 1 || layer.float('beta', 1) !== 1)) return 'it scales or transposes its operands'
  return null
}
