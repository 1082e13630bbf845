import { Graph, type Node, type Value } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import { Session } from '../runtime/session.ts'
import { feedsOf, type Calibration } from './calibrate.ts'
import { replaceConstant } from './constant.ts'
import { labelOf, pass, type Pass } from './pass.ts'

export interface CorrectBiasOptions {
  /** The network before its weights were rounded, with the same names of layers. */
  reference: Graph | { readonly graph: Graph }
  /** Inputs over which the means are taken. */
  calibrate: Calibration
  /** Samples that are run at once where `calibrate` is a data set (1). */
  batch?: number
}

/**
 * Bias correction: moves the bias of each convolution and linear layer by how far the mean of its outputs has drifted from the reference's, as quantized, ternary or
 * pruned weights make it. For layers whose bias is stored in float32. Nagel et al. 2019, https://arxiv.org/abs/1906.04721
 */
export function correctBias({ reference, calibrate, batch = 1 }: CorrectBiasOptions): Pass {
  const original = reference instanceof Graph ? reference : reference.graph
  return pass('correct-bias', {}, async (graph, report) => {
    const twins = new Map(original.nodes().map((node) => [node.name, node]))
    const layers = graph.nodes().flatMap((layer) => {
      if (!['Conv', 'Gemm'].includes(layer.type) || layer.domain) return []
      const twin = twins.get(layer.name)
      const reason = obstacle(layer, twin)
      if (reason) report.refuse(layer, reason)
      return reason ? [] : [{ layer, twin: twin! }]
    })
    if (!layers.length) return
    const wanted = await means(original, layers.map(({ twin }) => twin.output), calibrate, batch)
    // in order: what is corrected moves the inputs of what comes after
    for (const [i, { layer }] of layers.entries()) {
      const [found] = await means(graph, [layer.output], calibrate, batch)
      const bias = layer.inputs[2]!.constant!
      const drift = wanted[i].map((mean, c) => mean - found[c])
      replaceConstant(layer, 2, Tensor.of(bias.dtype, bias.shape, bias.toNumbers().map((b, c) => b + drift[c])), 'bias')
      report.change(layer, `its bias moved by up to ${Math.max(...drift.map(Math.abs)).toPrecision(2)}`)
    }
  })
}

function obstacle(layer: Node, twin: Node | undefined): string | null {
  if (!twin) return `the reference has no layer ${labelOf(layer)}`
  const bias = layer.inputs[2]?.constant
  if (!bias) return 'it has no bias of its own to move'
  return bias.dtype === 'float32' && bias.shape.length === 1 ? null : `its bias is ${bias.dtype}[${bias.shape}], not one float32 number for each channel`
}

/** The mean of each channel (axis 1) of some values over the data. */
async function means(graph: Graph, values: readonly Value[], calibrate: Calibration, batch: number): Promise<readonly (readonly number[])[]> {
  const copy = new Graph()
  const map = new Map<Value, Value>()
  graph.copyInto(copy, map)
  copy.truncateOutputs(0)
  values.forEach((value, i) => {
    const axes = (value.shape ?? []).flatMap((_, axis) => (axis === 1 ? [] : [axis]))
    const old = (copy.opsets.get('') ?? 1) < 18
    const node = old ? copy.add('ReduceMean', [map.get(value)!], { axes, keepdims: 0 }) : copy.add('ReduceMean', [map.get(value)!, copy.constant(Tensor.int64(axes))], { keepdims: 0 })
    copy.addOutput(Object.assign(node.output, { dtype: 'float32', shape: [value.shape?.[1] ?? null] }), copy.unique(`mean_${i}`))
  })
  copy.removeUnused()
  const session = await Session.create(copy, { device: 'cpu', spinning: false })
  const names = session.inputs.map(({ name }) => name)
  const sums = values.map((): number[] => [])
  let batches = 0
  try {
    for await (const inputs of feedsOf(graph, calibrate, batch)) {
      const seen = await session.run(Object.fromEntries(names.map((name) => [name, inputs[name]])))
      session.outputs.forEach(({ name }, i) => seen[name].toNumbers().forEach((mean, c) => (sums[i][c] = (sums[i][c] ?? 0) + mean)))
      batches++
    }
  } finally {
    await session.release()
  }
  if (!batches) throw new Error('correctBias: there is no calibration data')
  return sums.map((channels) => channels.map((total) => total / batches))
}
