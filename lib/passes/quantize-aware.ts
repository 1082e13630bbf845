import { float } from '../graph/attribute.ts'
import { Builder } from '../graph/builder.ts'
import type { Node, Value } from '../graph/graph.ts'
import { HONE } from '../graph/operator.ts'
import { Tensor } from '../graph/tensor.ts'
import { requireOneOf } from '../require.ts'
import { affineOf, type Affine, type Levels } from './affine.ts'
import { calibrated, type Calibration } from './calibrate.ts'
import { mergeMasks } from './hold-zeros.ts'
import { channelAxis, int8Layers } from './int8-layers.ts'
import { int8Values } from './int8-values.ts'
import { FORMATS, insertBehind, USUAL_FORM, writeIntegers, type IntegerForm } from './integer-form.ts'
import { pass, type Pass } from './pass.ts'
import type { Selection } from './weight.ts'

const ACTIVATIONS: Levels = { dtype: 'uint8', symmetric: false }

export interface QuantizeAwareOptions extends Selection {
  /** Inputs that show which numbers the activations take at first. */
  calibrate: Calibration
  /** Samples that are run at once where `calibrate` is a data set (1). */
  batch?: number
  /** Whether the scales of activations are learned, too (true). Esser et al. 2020, https://arxiv.org/abs/1902.08153 */
  learnedScales?: boolean
}

/**
 * Quantization-aware training: puts fake quantization into a network, so that `fit` trains it as it will compute in 8 bits; the gradient passes straight
 * through the rounding. Afterwards `toIntegers` writes the 8-bit network. Fold batch norms first.
 *
 * @example const aware = await net.apply(quantizeAware({ calibrate })); const run = await fit(aware, data, options); const int8 = await run.model.apply(toIntegers())
 * @see Jacob et al. 2018, https://arxiv.org/abs/1712.05877
 */
export function quantizeAware({ calibrate, batch = 1, learnedScales = true, ...selection }: QuantizeAwareOptions): Pass {
  if (!calibrate) throw new TypeError('quantizeAware: calibrate takes some batches of inputs, or a data set')
  return pass('quantize-aware', { learnedScales, ...selection }, async (graph, report) => {
    const opset = graph.opsets.get('') ?? 1
    const layers = int8Layers('quantize-aware', graph, selection, report, () => (opset < 13 ? `scales by channel need operator set 13 or newer, and the graph has ${opset}` : null))
    if (!layers.length) return
    const values = int8Values(graph, layers)
    const ranges = await calibrated(graph, [...new Set(values.scaleOf.values())], calibrate, { batch, method: 'average' })
    const builder = new Builder(graph)
    const maps = new Map([...ranges].map(([value, [low, high]]) => {
      const { scale, zeroPoint } = affineOf(low, high, ACTIVATIONS)
      const stored = builder.tensor(Tensor.scalar('float32', scale), `${value.name}.scale`)
      stored.trainable = learnedScales
      return [value, [stored, builder.tensor(Tensor.scalar('uint8', zeroPoint), `${value.name}.zero_point`)]] as const
    }))
    for (const layer of layers) {
      const weight = builder.op('Int8Weight', [layer.input(1)], { axis: channelAxis(layer) }, { domain: HONE, name: graph.unique(`${layer.input(1)}.int8`) })
      layer.setInput(1, weight)
      report.change(layer, 'trains with its weights rounded to int8')
    }
    const readers = new Set([...layers, ...values.carriers])
    for (const [value, source] of values.scaleOf) {
      const sharing = Number(value.shape?.slice(1).reduce<number>((product, d) => product * (typeof d === 'number' ? d : 1), 1) ?? 1)
      const fake = graph.add('FakeQuantize', [null, ...maps.get(source)!], { scale_gradient: float(1 / Math.sqrt(sharing * 255)) }, { domain: HONE, name: graph.unique(`${value.name}.fake`), types: [value] })
      insertBehind(value, fake, fake.output, values, readers)
    }
  })
}

/**
 * Writes what `quantizeAware` trained with 8-bit integers, as `quantize` does, with the scales that were learned.
 */
export function toIntegers({ format = USUAL_FORM.format }: Partial<Pick<IntegerForm, 'format'>> = {}): Pass {
  requireOneOf('toIntegers: format', format, FORMATS)
  return pass('to-integers', { format }, (graph, report) => {
    const trained = new Map<Value, readonly [scale: Value, zero: Value]>()
    const aware: Node[] = []
    for (const node of graph.nodes()) {
      if (node.domain !== HONE || !['FakeQuantize', 'Int8Weight'].includes(node.type)) continue
      if (node.type === 'Int8Weight') aware.push(...node.output.users)
      else trained.set(node.input(0), [node.input(1), node.input(2)])
      node.output.replaceWith(node.input(0))
      node.remove()
    }
    mergeMasks(graph, report)
    const layers = int8Layers('to-integers', graph, {}, report, (layer) => (aware.includes(layer) ? null : 'it was not trained with fake quantization: apply quantizeAware, then fit'))
    const values = int8Values(graph, layers)
    const maps = new Map([...new Set(values.scaleOf.values())].map((source): [Value, Affine] => {
      const [scale, zero] = trained.get(source) ?? []
      if (!scale || !zero) throw new Error(`"${source}" was not trained with fake quantization: apply quantizeAware, train, then toIntegers`)
      return [source, { dtype: 'uint8', scale: Math.fround(Math.abs(scale.constant!.toNumbers()[0])), zeroPoint: zero.constant!.toNumbers()[0] }]
    }))
    writeIntegers(graph, layers, values, maps, { ...USUAL_FORM, format }, report)
  })
}
