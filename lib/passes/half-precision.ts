import { Builder } from '../graph/builder.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { largestOf } from '../graph/small-floats.ts'
import { Tensor } from '../graph/tensor.ts'
import { autocast, mixed } from '../train/precision.ts'
import { largestMagnitude } from './affine.ts'
import { pass, type Pass } from './pass.ts'
import { weightIndex } from './weight.ts'

export interface HalfPrecisionOptions {
  /** The 16-bit type ('float16'). bfloat16 has kernels on CUDA only. */
  dtype?: 'float16' | 'bfloat16'
  /** Nodes, by name, that stay in float32: a layer that mixed precision hurts. */
  keep?: RegExp
  /** Only stores the weights in 16 bits, and computes in float32: for a device without fast kernels for the type (false). */
  storageOnly?: boolean
}

const LARGEST_FLOAT16 = largestOf('float16')

/** It is the one before with bfloat16 among the types of convolutions, pools and recurrences, and nothing else. https://github.com/onnx/onnx/blob/main/docs/Changelog.md */
const BFLOAT16_OPSET = 22

/**
 * Mixed precision for inference: convolutions and matrix products in 16 bits with weights stored so, what is delicate in float32, as PyTorch's autocast divides
 * them. Inputs and outputs stay float32. Half the size; faster on devices with such kernels only. Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740
 */
export function halfPrecision({ dtype = 'float16', keep, storageOnly = false }: HalfPrecisionOptions = {}): Pass {
  if (!['float16', 'bfloat16'].includes(dtype)) throw new RangeError(`halfPrecision: dtype is float16 or bfloat16, not ${dtype}`)
  return pass('half-precision', { dtype, storageOnly, ...(keep && { keep: String(keep) }) }, (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    if (dtype === 'bfloat16' && opset < (storageOnly ? 13 : 21)) {
      for (const node of graph.nodes()) if (weightIndex(node) !== null) report.refuse(node, `${storageOnly ? 'casts' : 'layers'} take bfloat16 from operator set ${storageOnly ? 13 : 22} on, and the graph has ${opset}`)
      return
    }
    if (dtype === 'bfloat16' && !storageOnly) graph.opsets.set('', Math.max(opset, BFLOAT16_OPSET))
    if (!storageOnly) autocast(graph, mixed(dtype, { keep: keep ?? null }))
    const builder = new Builder(graph)
    for (const value of graph.initializers) {
      const casts = value.users.filter((node) => node.type === 'Cast' && node.output.dtype === dtype)
      const whole = storageOnly && value.dtype === 'float32' && value.initializer!.size > 1
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
      if (storageOnly) value.replaceWith(builder.cast(half, 'float32'))
      else for (const cast of casts) cast.output.replaceWith(half)
      report.change(half, `stored in ${dtype}`)
    }
    if (!storageOnly) for (const node of layersIn(graph, dtype)) report.change(node, `computes in ${dtype}`)
  })
}

function layersIn(graph: Graph, dtype: Value['dtype']) {
  return graph.nodes().filter((node) => node.type !== 'Cast' && node.inputs.some((value) => value?.dtype === dtype) && node.output.dtype === dtype)
}
