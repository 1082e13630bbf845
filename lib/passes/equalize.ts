import type { Node } from '../graph/graph.ts'
import { isFloat, sizeOf, Tensor } from '../graph/tensor.ts'
import { magnitudesOf } from './affine.ts'
import { replaceConstant, scaled } from './constant.ts'
import { channelAxis } from './int8-layers.ts'
import { alsoFeeds, originOf } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'
import { chosenLayers } from './weight.ts'

/** What a positive factor passes through: f(s·x) = s·f(x). */
const HOMOGENEOUS: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Dropout', 'Identity'])

/**
 * Cross-layer equalization: gives the channels between two layers weights of like magnitude, by a factor for each that one layer multiplies and the next divides by,
 * so that one scale for a whole tensor wastes fewer levels. Exact but for rounding; apply it before quantization. Nagel et al. 2019,
 * https://arxiv.org/abs/1906.04721
 */
export function equalize(): Pass {
  return pass('equalize', {}, (graph, report) => {
    for (const second of chosenLayers('equalize', graph, isLayer, {}, report)) {
      const first = layerBefore(second)
      if (typeof first === 'string') {
        report.refuse(second, first)
        continue
      }
      const [computed, read] = [channelAxis(first), 1 - channelAxis(second)]
      const [outputs, inputs] = [largest(first, computed), largest(second, read)]
      if (outputs.length !== inputs.length) {
        report.refuse(second, `it reads ${inputs.length} channels, and ${labelOf(first)} computes ${outputs.length}`)
        continue
      }
      // w₁/s and w₂·s have the same largest magnitude
      const factors = outputs.map((most, c) => (most && inputs[c] ? Math.sqrt(most / inputs[c]) : 1))
      multiply(first, computed, factors.map((factor) => 1 / factor))
      multiply(second, read, factors)
      const bias = first.inputs[2]?.constant
      if (bias) replaceConstant(first, 2, Tensor.of(bias.dtype, bias.shape, bias.toNumbers().map((b, c) => b / factors[c])), 'bias')
      report.change(second, `its ${factors.length} channels weigh as much as those of ${labelOf(first)}: factors from ${Math.min(...factors).toPrecision(2)} to ${Math.max(...factors).toPrecision(2)}`)
    }
  })
}

function isLayer(node: Node): boolean {
  return (node.type === 'Conv' || node.type === 'Gemm') && !node.domain
}

/** The layer whose channels a layer reads; why there is none. */
function layerBefore(second: Node): Node | string {
  let reader = second
  for (let value = second.input(0); ; value = reader.input(0)) {
    const node = value.producer
    const feeds = alsoFeeds(value, reader)
    if (feeds) return feeds
    if (!node) return `its input is ${originOf(value)}, not what another layer computes`
    if (isLayer(node)) return obstacle(node) ?? obstacle(second) ?? node
    if (node.domain || !HOMOGENEOUS.has(node.type)) return `${labelOf(node)} before it does not let a factor through`
    reader = node
  }
}

function obstacle(layer: Node): string | null {
  const stored = layer.inputs.slice(1).every((value) => !value || (value.constant && isFloat(value.constant.dtype)))
  if (!stored) return `the weights of ${labelOf(layer)} are not stored numbers`
  if (layer.int('group', 1) !== 1) return `${labelOf(layer)} has groups`
  if ((layer.inputs[2]?.shape?.length ?? 1) !== 1 || layer.float('alpha', 1) !== 1 || layer.float('beta', 1) !== 1 || layer.int('transA')) return `${labelOf(layer)} is no plain product with a bias for each channel`
  return null
}

/** The largest magnitude of the weights of each channel along an axis. */
const largest = (layer: Node, axis: number): readonly number[] => Array.from(magnitudesOf(layer.input(1).constant!, axis))

function multiply(layer: Node, axis: number, factors: readonly number[]): void {
  const weight = layer.input(1).constant!
  replaceConstant(layer, 1, scaled(weight, factors, sizeOf(weight.shape.slice(axis + 1))), 'weight')
}
