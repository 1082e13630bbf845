import type { Dataset } from '../data/dataset.ts'
import type { Node } from '../graph/graph.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import type { Model } from '../nn/model.ts'
import type { Chart } from '../plot/chart.ts'
import { sensitivity } from '../plot/sensitivity.ts'
import { withCharts } from '../plot/under.ts'
import { progress } from '../progress.ts'
import { requireNumber, requireOneOf } from '../require.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { percentText } from '../units.ts'
import { pointsText } from './budget.ts'
import type { Calibration } from './calibrate.ts'
import { channelsOf } from './channels.ts'
import { float8 } from './float8.ts'
import { Judge, type Look } from './judge.ts'
import { binarize, ternarize } from './low-bit.ts'
import { labelOf, type Pass } from './pass.ts'
import { pruneChannels } from './prune-channels.ts'
import { pruneL1 } from './prune-l1.ts'
import { quantize } from './quantize.ts'
import { hasWeight } from './weight.ts'

type Including = readonly string[]

/** What a layer's numbers become. */
const FORMS = {
  int8: (include: Including, calibrate: Calibration) => quantize({ calibrate, include }),
  float8: (include: Including) => float8({ include }),
  ternary: (include: Including) => ternarize({ include }),
  binary: (include: Including) => binarize({ include }),
} as const

/** What a share of a layer may be taken of. */
const PARTS = {
  channels: (amount: number, include: Including) => pruneChannels({ amount, include }),
  weights: (amount: number, include: Including) => pruneL1({ amount, include }),
} as const

type Form = keyof typeof FORMS
type Part = keyof typeof PARTS

/** What is tried on each layer: a form, or shares that are taken away: `{ weights: [0.1, 0.3, 0.5, 0.7, 0.9] }` sets those of smallest magnitude to zero. */
export type SensitivityChange = Form | { readonly [part in Part]?: readonly number[] }

/** How much a layer minds being changed alone. */
export interface Sensitivity {
  readonly layer: string
  /** The form that its numbers took, or what a share was taken of. */
  readonly change: Form | Part
  /** The share; null of a form. */
  readonly amount: number | null
  /** Accuracy of the network with this layer changed. */
  readonly accuracy: number
  /** Accuracy lost, as a share; below 0 where more samples came out right. */
  readonly lost: number
  /** How far the network's outputs moved: ‖after − before‖ / ‖before‖, in L2. It tells layers apart that lose no sample. */
  readonly moved: number
}

/** The layers of a network, the most sensitive first. Shows itself as a table, with curves under it where several shares or forms were tried. */
export class Sensitivities {
  readonly rows: readonly Sensitivity[]
  readonly #inOrder: readonly Sensitivity[]

  /** @param rows in the network's order. */
  constructor(rows: readonly Sensitivity[]) {
    this.#inOrder = rows
    this.rows = rows.toSorted((a, b) => b.lost - a.lost || b.moved - a.moved)
  }

  /** What one change, or one share of it, does to each layer that takes it, the most sensitive first. */
  to(change: Sensitivity['change'], amount?: number): readonly Sensitivity[] {
    return this.rows.filter((row) => row.change === change && (amount === undefined || row.amount === amount))
  }

  /** The `count` layers that mind a change most: `quantize({ calibrate, exclude: found.most('int8', 2) })` leaves them in float32. */
  most(change: Sensitivity['change'], count: number, amount?: number): readonly string[] {
    return [...new Set(this.to(change, amount).map(({ layer }) => layer))].slice(0, count)
  }

  /** Accuracy over what was tried, a line for each layer. */
  curves(): Chart {
    const [first] = this.rows
    return sensitivity(this.#inOrder, first && { base: first.accuracy + first.lost })
  }

  /** A row a layer where several shares or forms were tried: what each costs. */
  table(): TableBundle {
    if (!this.#isCurve) {
      return table(this.rows, [
        { heading: 'layer', cell: ({ layer }) => layer },
        { heading: 'changed alone', cell: ({ change, amount }) => (amount === null ? `to ${change}` : `without ${sharesText(amount)} of its ${change}`), align: 'left' },
        { heading: 'loses', cell: ({ lost }) => pointsText(lost) },
        { heading: 'outputs move by', cell: ({ moved }) => percentText(moved) },
      ])
    }
    const layers = [...new Set(this.rows.map(({ layer }) => layer))]
    const tried = new Map(this.#inOrder.map(({ change, amount }) => [`${change} ${amount}`, { change, amount }]))
    return table(layers, [
      { heading: 'layer', cell: (layer) => layer },
      ...Array.from(tried.values(), ({ change, amount }) => ({
        heading: amount === null ? change : `${change} −${sharesText(amount)}`,
        cell: (layer: string) => this.to(change).flatMap((row) => (row.layer === layer && row.amount === amount ? [(100 * row.lost).toFixed(1)] : []))[0] ?? '',
      })),
    ], 'What each layer, changed alone, costs of accuracy, in points.')
  }

  get #isCurve(): boolean {
    return new Set(this.rows.map(({ change, amount }) => `${change} ${amount}`)).size > 2
  }

  [Symbol.for('Jupyter.display')](): TableBundle | Promise<TableBundle> {
    return this.#isCurve ? withCharts(this.table(), [this.curves()]) : this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

export interface SensitivityOptions<Label> extends Pick<SessionOptions, 'device' | 'threads'> {
  /** Samples that decide: some hundred do. */
  readonly data: Dataset<Label>
  /** Samples that quantization is calibrated with (the first 50 of `data`). */
  readonly calibrate?: Dataset<Label>
  /** What is tried (int8, and half of the channels). */
  readonly changes?: readonly SensitivityChange[]
}

/** Samples that show a range well enough to compare layers. */
const CALIBRATION = 50

/**
 * Changes one layer at a time, and tells what that costs: the network with this layer alone in int8 or fewer bits, or with a share of its channels removed or of its
 * weights set to zero. Several shares make the curves of Li et al. 2017, https://arxiv.org/abs/1608.08710
 *
 * @example const found = await sensitivities(net, { data: plates }); await net.apply(quantize({ calibrate, exclude: found.most('int8', 3) }))
 * @example await sensitivities(net, { data: plates, changes: ['int8', 'ternary', { weights: [0.1, 0.3, 0.5, 0.7, 0.9] }] })
 * @throws RangeError where there is no data, or a change that there is not.
 */
export async function sensitivities<Label>(model: Model, { data, calibrate, changes, ...session }: SensitivityOptions<Label>): Promise<Sensitivities> {
  if (!data?.size) throw new RangeError('sensitivities: there are no samples to judge by')
  const judge = await Judge.of(model, data, { spinning: false, ...session, seconds: 0 })
  try {
    const { right } = await judge.lookAtAnswers(model)
    return await layerByLayer(model, right, (_, changed) => judge.lookAtAnswers(changed), { calibrate: calibrate ?? data, changes })
  } finally {
    await judge.close()
  }
}

type Tried = Pick<Look, 'right' | 'moved'>

/** The same, where somebody else looks at the networks. @internal */
export async function layerByLayer<Label>(
  model: Model, right: readonly boolean[], look: (name: string, model: Model) => Promise<Tried>, { calibrate, changes = ['int8', { channels: [0.5] }] }: { calibrate: Dataset<Label>; changes?: readonly SensitivityChange[] },
): Promise<Sensitivities> {
  const attempts = changes.flatMap((change) => attemptsOf(change, calibrate.atMost(CALIBRATION)))
  const layers = model.graph.nodes().filter(hasWeight)
  const rows: Sensitivity[] = []
  const bar = progress('Sensitivity', layers.length)
  try {
    for (const layer of layers) {
      for (const { change, amount, passOf } of attempts) {
        throwIfInterrupted()
        const pass = passOf(layer)
        const changed = pass && (await model.apply(pass))
        if (!changed?.changes.length) continue
        const tried = await look(`${labelOf(layer)}: ${change}${amount === null ? '' : ` without ${amount}`}`, changed)
        const accuracy = shareOf(tried.right)
        rows.push({ layer: labelOf(layer), change, amount, accuracy, lost: shareOf(right) - accuracy, moved: tried.moved })
      }
      bar.tick()
    }
  } finally {
    bar.done()
  }
  return new Sensitivities(rows)
}

interface Attempt extends Pick<Sensitivity, 'change' | 'amount'> {
  /** Null where the layer has nothing to change so. */
  readonly passOf: (layer: Node) => Pass | null
}

/** @throws RangeError where there is no such change, or an amount is no share. */
function attemptsOf(change: SensitivityChange, calibrate: Calibration): readonly Attempt[] {
  if (typeof change === 'string') {
    requireOneOf('sensitivities: a change', change, [...Object.keys(FORMS), ...Object.keys(PARTS).map((part) => `{ ${part}: [0.5] }`)])
    return [{ change, amount: null, passOf: (layer) => FORMS[change]([labelOf(layer)], calibrate) }]
  }
  return Object.entries(change).flatMap(([part, amounts]) => {
    requireOneOf('sensitivities: what shares are taken of', part, Object.keys(PARTS))
    return amounts.map((amount): Attempt => {
      requireNumber('sensitivities: an amount', amount, { above: 0, below: 1 })
      return { change: part as Part, amount, passOf: (layer) => (part === 'channels' && !channelsOf(layer) ? null : PARTS[part as Part](amount, [labelOf(layer)])) }
    })
  })
}

/** A share without decimals that say nothing. */
const sharesText = (amount: number): string => `${Number((100 * amount).toFixed(1))} %`

/** Share of the samples that are right. */
export const shareOf = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length
