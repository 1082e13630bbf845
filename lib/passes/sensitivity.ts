import type { Dataset } from '../data/dataset.ts'
import type { Node } from '../graph/graph.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import type { Model } from '../nn/model.ts'
import { progress } from '../progress.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { percentText } from '../units.ts'
import { pointsText } from './budget.ts'
import { channelsOf } from './channels.ts'
import { Judge, type Look } from './judge.ts'
import { labelOf, type Pass } from './pass.ts'
import { pruneChannels } from './prune-channels.ts'
import { quantize } from './quantize.ts'
import { weightIndex } from './weight.ts'

const CHANGES = ['int8', 'half its channels'] as const

/** How much a layer minds being changed alone. */
export interface Sensitivity {
  readonly layer: string
  readonly change: (typeof CHANGES)[number]
  /** Accuracy lost, as a share; below 0 where more samples came out right. */
  readonly lost: number
  /** How far the network's outputs moved: ‖after − before‖ / ‖before‖, in L2. It tells layers apart that lose no sample. */
  readonly moved: number
}

/** The layers of a network, the most sensitive first. Shows itself as a table. */
export class Sensitivities {
  readonly rows: readonly Sensitivity[]

  constructor(rows: readonly Sensitivity[]) {
    this.rows = rows.toSorted((a, b) => b.lost - a.lost || b.moved - a.moved)
  }

  /** What one change does to each layer that takes it, the most sensitive first. */
  to(change: Sensitivity['change']): readonly Sensitivity[] {
    return this.rows.filter((row) => row.change === change)
  }

  /** The `count` layers that mind a change most: `quantize({ calibrate, exclude: found.most('int8', 2) })` leaves them in float32. */
  most(change: Sensitivity['change'], count: number): readonly string[] {
    return this.to(change).slice(0, count).map(({ layer }) => layer)
  }

  table(): TableBundle {
    return table(this.rows, [
      { heading: 'layer', cell: ({ layer }) => layer },
      { heading: 'changed alone to', cell: ({ change }) => change, align: 'left' },
      { heading: 'loses', cell: ({ lost }) => pointsText(lost) },
      { heading: 'outputs move by', cell: ({ moved }) => percentText(moved) },
    ])
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
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
  /** What is tried (both). */
  readonly changes?: readonly Sensitivity['change'][]
}

/** Samples that show a range well enough to compare layers. */
const CALIBRATION = 50

/**
 * Changes one layer at a time, and tells what that costs: the network with this layer alone in int8, or with half of its channels removed.
 *
 * @example const found = await sensitivities(net, { data: plates }); await net.apply(quantize({ calibrate, exclude: found.most('int8', 3) }))
 * @throws RangeError where there is no data.
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
  model: Model, right: readonly boolean[], look: (name: string, model: Model) => Promise<Tried>, { calibrate, changes = CHANGES }: { calibrate: Dataset<Label>; changes?: readonly Sensitivity['change'][] },
): Promise<Sensitivities> {
  const unknown = changes.find((change) => !CHANGES.includes(change))
  if (unknown !== undefined) throw new RangeError(`sensitivities: changes are ${CHANGES.map((change) => `'${change}'`).join(' and ')}, not '${unknown}'`)
  const samples = calibrate.atMost(CALIBRATION)
  const passes: Readonly<Record<Sensitivity['change'], (layer: Node) => Pass | null>> = {
    int8: (layer) => quantize({ calibrate: samples, include: [labelOf(layer)] }),
    'half its channels': (layer) => channelsOf(layer) && pruneChannels({ amount: 0.5, include: [labelOf(layer)] }),
  }
  const layers = model.graph.nodes().filter((node) => weightIndex(node) !== null)
  const rows: Sensitivity[] = []
  const bar = progress('Sensitivity', layers.length)
  try {
    for (const layer of layers) {
      for (const change of changes) {
        throwIfInterrupted()
        const pass = passes[change](layer)
        const changed = pass && (await model.apply(pass))
        if (!changed?.changes.length) continue
        const tried = await look(`${labelOf(layer)}: ${change}`, changed)
        rows.push({ layer: labelOf(layer), change, lost: shareOf(right) - shareOf(tried.right), moved: tried.moved })
      }
      bar.tick()
    }
  } finally {
    bar.done()
  }
  return new Sensitivities(rows)
}

/** Share of the samples that are right. */
export const shareOf = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length
