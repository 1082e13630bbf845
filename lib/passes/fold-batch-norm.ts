import type { Node } from '../graph/graph.ts'
import { isFloat, sizeOf, Tensor } from '../graph/tensor.ts'
import { replaceConstant, scaled } from './constant.ts'
import { channelAxis } from './int8-layers.ts'
import { alsoFeeds, originOf, soleReader } from './neighbours.ts'
import { labelOf, pass, type Pass } from './pass.ts'

/**
 * Folds a BatchNormalization into the Conv, ConvTranspose or Gemm before it: w' = w·γ/σ, b' = (b − μ)·γ/σ + β with σ = √(variance + ε); or, where there is
 * none, into the Conv or Gemm that alone reads it: w' = w·γ/σ by input channel, b' = b + Σ w·(β − μ·γ/σ), where no padding stands between. Exact.
 * A weight that other layers share stays theirs: the folded layer gets its own.
 */
export function foldBatchNorm(): Pass {
  return pass('fold-batch-norm', {}, (graph, report) => {
    for (const norm of graph.nodes('BatchNormalization')) {
      const layer = norm.input(0).producer
      if (!layer || layer.domain || !CHANNELS[layer.type]) {
        const next = soleReader(norm.output, 'Conv') ?? soleReader(norm.output, 'Gemm')
        const reason = next?.input(0) === norm.output ? obstacleAhead(norm, next) : `its input is ${originOf(norm.input(0))}, not a convolution`
        if (reason) report.refuse(norm, reason)
        else {
          foldAhead(norm, next!)
          norm.output.replaceWith(norm.input(0))
          report.change(norm, `folded into ${labelOf(next!)}, which reads it`)
        }
        continue
      }
      const reason = obstacle(norm, layer)
      if (reason) {
        report.refuse(norm, reason)
        continue
      }
      fold(norm, layer)
      norm.output.replaceWith(layer.output)
      report.change(norm, `folded into ${labelOf(layer)}`)
    }
  })
}

/** Which channels the elements of a layer's weight belong to: each for `run` neighbours, and over again after the last. */
interface Channels {
  readonly run: number
  readonly of: readonly number[]
}

const count = (length: number): number[] => Array.from({ length }, (_, i) => i)

/** Output channels. */
const CHANNELS: Readonly<Record<string, (layer: Node, shape: readonly number[]) => Channels>> = {
  Conv: (_, [outputs = 1, ...rest]) => ({ run: sizeOf(rest), of: count(outputs) }),
  // its weight is [C, K/group, kernel], where group g reads the g-th part of C and writes the g-th part of K
  ConvTranspose: (layer, [inputs = 1, outputs = 1, ...kernel]) => {
    const perGroup = inputs / layer.int('group', 1)
    return { run: sizeOf(kernel), of: count(inputs * outputs).map((i) => Math.floor(i / (outputs * perGroup)) * outputs + (i % outputs)) }
  },
  Gemm: (layer, [rows = 1, columns = 1]) => (layer.int('transB') ? { run: columns, of: count(rows) } : { run: 1, of: count(columns) }),
}

/** Why a normalization is not a fixed map of each channel; null where it is. */
function varies(norm: Node): string | null {
  if (norm.int('training_mode')) return 'it is in training mode: its statistics are those of the batch'
  if (norm.int('spatial', 1) === 0) return 'it has statistics for each position, not for each channel'
  if (norm.outputs.slice(1).some((output) => output.uses.length)) return 'its statistics are read as well'
  if (norm.inputs.slice(1, 5).some((value) => !value?.constant)) return 'its scale, bias or statistics are not constants'
  return affine(norm).factors.every(Number.isFinite) ? null : 'its variance is not positive'
}

function obstacle(norm: Node, layer: Node): string | null {
  const varying = varies(norm)
  if (varying) return varying
  const feeds = alsoFeeds(layer.output, norm)
  if (feeds) return feeds
  const weight = layer.input(1).constant
  if (!weight || !isFloat(weight.dtype)) return `the weight of ${labelOf(layer)} is not a constant`
  const bias = layer.inputs[2]
  if (bias && !bias.constant) return `the bias of ${labelOf(layer)} is not a constant`
  const { factors } = affine(norm)
  const last = bias?.constant?.shape.at(-1) ?? 1
  if (bias && (bias.constant!.size !== last || ![1, factors.length].includes(last))) return `the bias of ${labelOf(layer)} is not one number for each channel`
  return null
}

function obstacleAhead(norm: Node, layer: Node): string | null {
  const varying = varies(norm)
  if (varying) return varying
  const stored = layer.inputs.slice(1).every((value) => !value || (value.constant && isFloat(value.constant.dtype)))
  if (!stored) return `the weights of ${labelOf(layer)} are not constants`
  if (layer.type === 'Gemm') return layer.int('transA') || layer.float('alpha', 1) !== 1 || layer.float('beta', 1) !== 1 ? `${labelOf(layer)} scales or transposes what it reads` : null
  const padded = layer.ints('pads').some((pad) => pad !== 0) || layer.string('auto_pad', 'NOTSET').startsWith('SAME')
  const { factors, mean, beta } = affine(norm)
  return padded && factors.some((factor, c) => beta[c] !== mean[c] * factor) ? `${labelOf(layer)} pads with zeros, which would have to be moved, too` : null
}

/** What it does to channel c: x·factors[c] + shifts(c). */
function affine(norm: Node): { factors: number[]; mean: number[]; beta: number[] } {
  const [gamma, beta, mean, variance] = norm.inputs.slice(1, 5).map((value) => value!.constant!.toNumbers()) as [number[], number[], number[], number[]]
  const epsilon = norm.float('epsilon', 1e-5)
  return { factors: gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon)), mean, beta }
}

function fold(norm: Node, layer: Node): void {
  const { factors, mean, beta } = affine(norm)
  const weight = layer.input(1).constant!
  const { run, of } = CHANNELS[layer.type](layer, weight.shape)
  const bias = layer.inputs[2]?.constant?.toNumbers() ?? [0]
  const beforehand = layer.type === 'Gemm' ? layer.float('beta', 1) : 1
  const folded = factors.map((factor, c) => (beforehand * bias[bias.length === 1 ? 0 : c] - mean[c]) * factor + beta[c])
  if (beforehand !== 1) layer.attributes.delete('beta')
  replaceConstant(layer, 1, scaled(weight, of.map((channel) => factors[channel]), run), 'weight')
  replaceConstant(layer, 2, Tensor.of(weight.dtype, [folded.length], folded), `${labelOf(layer)}.bias`)
  if (norm.input(2).trainable) layer.input(2).trainable = true
}

/** Input channels. */
function inputChannels(layer: Node, [rows, columns, ...kernel]: readonly number[]): Channels {
  if (layer.type === 'Gemm') return layer.int('transB') ? { run: 1, of: count(columns) } : { run: columns, of: count(rows) }
  const outputsPerGroup = rows / layer.int('group', 1)
  return { run: sizeOf(kernel), of: count(rows * columns).map((i) => Math.floor(i / (columns * outputsPerGroup)) * columns + (i % columns)) }
}

function foldAhead(norm: Node, layer: Node): void {
  const { factors, mean, beta } = affine(norm)
  const weight = layer.input(1).constant!
  const [written, read] = [CHANNELS[layer.type](layer, weight.shape), inputChannels(layer, weight.shape)]
  const at = ({ run, of }: Channels, i: number) => of[Math.floor(i / run) % of.length]
  const former = layer.inputs[2]?.constant?.toNumbers() ?? [0]
  const outputs = weight.shape[channelAxis(layer)]
  const bias = Array.from({ length: outputs }, (_, o) => former[former.length === 1 ? 0 : o])
  const shifts = factors.map((factor, c) => beta[c] - mean[c] * factor)
  weight.toFloat32().forEach((w, i) => (bias[at(written, i)] += w * shifts[at(read, i)]))
  replaceConstant(layer, 1, scaled(weight, read.of.map((channel) => factors[channel]), read.run), 'weight')
  replaceConstant(layer, 2, Tensor.of(weight.dtype, [outputs], bias), `${labelOf(layer)}.bias`)
}
