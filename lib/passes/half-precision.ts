import { Builder } from '../graph/builder.ts'
import { Node, type Graph, type Value } from '../graph/graph.ts'
import { largestOf } from '../graph/small-floats.ts'
import { Tensor } from '../graph/tensor.ts'
import { requireOneOf } from '../require.ts'
import type { Device } from '../runtime/devices.ts'
import { autocast, mixed } from '../train/precision.ts'
import { largestMagnitude } from './affine.ts'
import { pass, type Pass } from './pass.ts'
import { hasWeight, isInside } from './weight.ts'

export interface HalfPrecisionOptions {
  /** The 16-bit type ('float16'). */
  dtype?: 'float16' | 'bfloat16'
  /** Where it will run ('cpu'): what has no fast kernels for the type is refused, and its weights are stored in it alone. */
  device?: Device
  /** Nodes, by name, that stay in float32: a layer that mixed precision hurts. */
  keep?: RegExp
  /** Only stores the weights in 16 bits, and computes in float32 (false). */
  storageOnly?: boolean
}

/** What ONNX Runtime computes in fast: its CPU provider casts float16 back and forth, and has no kernel of bfloat16. */
const FAST: Readonly<Record<Device, readonly string[]>> = { cpu: [], webgpu: ['float16'], cuda: ['float16', 'bfloat16'], tensorrt: ['float16', 'bfloat16'] }

const LARGEST_FLOAT16 = largestOf('float16')

/** It is the one before with bfloat16 among the types of convolutions, pools and recurrences, and nothing else. https://github.com/onnx/onnx/blob/main/docs/Changelog.md */
const BFLOAT16_OPSET = 22

/**
 * Mixed precision for inference: convolutions and matrix products in 16 bits with weights stored so, what is delicate in float32, as PyTorch's autocast divides
 * them. Inputs and outputs stay float32. Half the size; faster on devices with such kernels, on others stored so alone. Micikevicius et al. 2018,
 * https://arxiv.org/abs/1710.03740
 */
export function halfPrecision({ dtype = 'float16', device = 'cpu', keep, storageOnly = false }: HalfPrecisionOptions = {}): Pass {
  requireOneOf('halfPrecision: dtype', dtype, ['float16', 'bfloat16'])
  requireOneOf('halfPrecision: device', device, Object.keys(FAST))
  const computes = !storageOnly && FAST[device].includes(dtype)
  return pass('half-precision', { dtype, device, storageOnly, ...(keep && { keep: String(keep) }) }, (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    const layers = graph.allNodes().filter(hasWeight)
    const oldest = dtype === 'float16' ? 1 : computes ? 21 : 13
    if (opset < oldest) {
      for (const layer of layers) report.refuse(layer, `${computes ? 'layers take' : 'casts take'} bfloat16 from operator set ${computes ? BFLOAT16_OPSET : 13} on, and the graph has ${opset}`)
      return
    }
    for (const layer of layers) {
      if (storageOnly || keep?.test(layer.name)) continue
      if (!computes) report.refuse(layer, `ONNX Runtime has no fast ${dtype} kernel for it on ${device}: its weights are stored so, and it computes in float32`)
      else if (layer.graph !== graph) report.refuse(layer, isInside(layer))
    }
    if (dtype === 'bfloat16' && computes) graph.opsets.set('', Math.max(opset, BFLOAT16_OPSET))
    const builder = new Builder(graph)
    if (computes) {
      autocast(graph, mixed(dtype, { keep: keep ?? null }))
      keepBranches(graph, dtype, builder)
    }
    for (const value of graph.initializers) {
      const casts = value.users.filter((node) => node.type === 'Cast' && node.output.dtype === dtype)
      const whole = !computes && !value.users.every(({ name }) => keep?.test(name)) && value.dtype === 'float32' && value.initializer!.size > 1
      if (!casts.length && !whole) continue
      const tensor = value.initializer!
      const numbers = tensor.toFloat32()
      if (dtype === 'float16' && largestMagnitude(numbers) > LARGEST_FLOAT16) {
        report.refuse(value, `it holds numbers beyond ${LARGEST_FLOAT16.toLocaleString('en')}, which float16 has not`)
        continue
      }
      const { name } = value
      value.name = graph.unique(`${name}_float32`)
      const half = graph.store(name, Tensor.of(dtype, tensor.shape, numbers))
      half.trainable = value.trainable
      if (!computes) value.replaceWith(builder.cast(half, 'float32'))
      else for (const cast of casts) cast.output.replaceWith(half)
      report.change(half, `stored in ${dtype}`)
    }
    if (computes) for (const node of layersIn(graph, dtype)) report.change(node, `computes in ${dtype}`)
  })
}

/** What branches and loops read is float32 for them, as they were written. */
function keepBranches(graph: Graph, dtype: Value['dtype'], builder: Builder): void {
  for (const value of new Set(graph.nodes().flatMap(({ captures }) => [...captures]))) {
    if (value.graph !== graph || value.dtype !== dtype) continue
    const inside = value.uses.filter(({ user }) => (user instanceof Node ? user.graph : user) !== graph)
    const cast = builder.cast(value, 'float32')
    for (const { user, index } of inside) if (user instanceof Node) user.setInput(index, cast)
      else user.setOutput(index, cast)
  }
}

function layersIn(graph: Graph, dtype: Value['dtype']) {
  return graph.nodes().filter((node) => node.type !== 'Cast' && node.inputs.some((value) => value?.dtype === dtype) && node.output.dtype === dtype)
}
