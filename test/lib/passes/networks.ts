import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { Builder } from '../../../lib/graph/builder.ts'
import { Graph, type Value } from '../../../lib/graph/graph.ts'
import { decodeModel, encodeModel } from '../../../lib/graph/onnx.ts'
import { sizeOf, Tensor } from '../../../lib/graph/tensor.ts'

/** Numbers between -1 and 1 without a pattern, the same for the same seed. */
export function noise(shape: readonly number[], seed = 1): Tensor {
  let state = seed * 2654435761
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, next))
}

/** Numbers between 0.5 and 1.5: variances, scales. */
export function positive(shape: readonly number[], seed = 1): Tensor {
  return Tensor.float32(shape, noise(shape, seed).toFloat32().map((x) => 1 + x / 2))
}

/** Writes small networks whose weights are noise. */
export class Net {
  readonly graph: Graph
  readonly builder: Builder
  #seed = 10

  constructor(opset = 21) {
    this.graph = new Graph('net')
    this.graph.opsets.set('', opset)
    this.builder = new Builder(this.graph)
  }

  input(shape: readonly number[], name = 'x'): Value {
    return this.graph.input(name, 'float32', shape)
  }

  parameter(name: string, shape: readonly number[]): Value {
    return this.graph.parameter(name, noise(shape, this.#seed++))
  }

  conv(x: Value, name: string, channels: number, { kernel = [3, 3], bias = true, weight, ...attributes }: { kernel?: readonly number[]; bias?: boolean; weight?: Value; group?: number; pads?: readonly number[]; strides?: readonly number[] } = {}): Value {
    const shape = [channels, Number(x.shape![1]) / (attributes.group ?? 1), ...kernel]
    return this.builder.op('Conv', [x, weight ?? this.parameter(`${name}.weight`, shape), bias ? this.parameter(`${name}.bias`, [channels]) : null], attributes, { name })
  }

  norm(x: Value, name: string): Value {
    const channels = Number(x.shape![1])
    const buffer = (part: string, tensor: Tensor) => this.graph.constant(tensor, `${name}.${part}`)
    const statistics = [buffer('mean', noise([channels], this.#seed++)), buffer('variance', positive([channels], this.#seed++))]
    return this.builder.op('BatchNormalization', [x, this.parameter(`${name}.weight`, [channels]), this.parameter(`${name}.bias`, [channels]), ...statistics], {}, { name })
  }

  relu(x: Value, name: string): Value {
    return this.builder.op('Relu', [x], {}, { name })
  }

  linear(x: Value, name: string, features: number): Value {
    return this.builder.op('Gemm', [x, this.parameter(`${name}.weight`, [features, Number(x.shape![1])]), this.parameter(`${name}.bias`, [features])], { transB: 1 }, { name })
  }

  output(value: Value, name = 'y'): Graph {
    this.graph.addOutput(value, name)
    return this.graph
  }
}

/** Types of the nodes, in order. */
export const types = (graph: Graph): string[] => graph.nodes().map((node) => node.type)

/** The input of `network`. */
export const image = [2, 3, 16, 16]

/** Inputs named x to calibrate with. */
export const batches = (count: number, shape: readonly number[] = image) => Array.from({ length: count }, (_, i) => ({ x: noise(shape, i + 1) }))

/** Convolutions, pooling, a residual add, a concatenation and a classifier. */
export function network(opset = 21): Graph {
  const net = new Net(opset)
  const pads = [1, 1, 1, 1]
  const first = net.relu(net.norm(net.conv(net.input(image), 'conv1', 8, { pads }), 'bn1'), 'relu1')
  const pooled = net.builder.op('MaxPool', [first], { kernel_shape: [2, 2], strides: [2, 2] }, { name: 'pool' })
  const inner = net.relu(net.conv(pooled, 'conv2', 8, { pads, group: 2 }), 'relu2')
  const sum = net.relu(net.builder.add(net.conv(inner, 'conv3', 8, { pads }), pooled), 'relu3')
  const joined = net.builder.concat([sum, pooled], 1)
  const averaged = net.builder.op('GlobalAveragePool', [net.conv(joined, 'conv4', 12, { kernel: [1, 1] })])
  return net.output(net.linear(net.builder.op('Flatten', [averaged]), 'fc', 5))
}

/** The operators that ONNX Runtime makes of a graph. */
export async function runtimeOperators(graph: Graph): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hone-test-'))
  const path = join(folder, 'optimized.onnx')
  try {
    const session = await InferenceSession.create(encodeModel(graph), { graphOptimizationLevel: 'extended', optimizedModelFilePath: path, logSeverityLevel: 4 })
    await session.release()
    return types(decodeModel(Uint8Array.from(await readFile(path))))
  } finally {
    await rm(folder, { recursive: true })
  }
}
