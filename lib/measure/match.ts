import { table, type TableBundle } from '../table.ts'
import { digits, timeText } from '../units.ts'
import type { OperatorTime } from './operator-times.ts'
import type { Profile } from './profile-table.ts'
import { grouped } from './trace.ts'
import { familyOf } from './work.ts'

/** A layer in two profiles: the operator that does its work, and the light ones that follow it. Empty where one graph has no such layer. */
export interface MatchedLayer {
  readonly name: string
  readonly first: readonly OperatorTime[]
  readonly second: readonly OperatorTime[]
}

/**
 * Matches the layers of two profiles of the same network in different forms. Layers begin at the operators that do the work (convolutions, matrix
 * products, recurrent ones); of two sequences of layers those are matched that keep most names, types and shapes in order.
 */
export function compareProfiles(first: Profile, second: Profile): ProfileComparison {
  return new ProfileComparison(first, second)
}

export class ProfileComparison {
  readonly layers: readonly MatchedLayer[]
  readonly #runs: readonly [number, number]
  readonly #totals: readonly [number, number]

  constructor(first: Profile, second: Profile) {
    this.layers = matched(layersOf(first.sequence), layersOf(second.sequence))
    this.#runs = [first.runs, second.runs]
    this.#totals = [first.total / first.runs, second.total / second.runs]
  }

  table(): TableBundle {
    const [a, b] = this.#runs
    const [total, other] = this.#totals
    return table(this.layers, [
      { heading: 'layer', cell: ({ name }) => name },
      { heading: 'first', cell: (row) => types(row.first), align: 'left' },
      { heading: 'second', cell: (row) => types(row.second), align: 'left' },
      { heading: 'time of the first', cell: (row) => time(row.first, a) },
      { heading: 'time of the second', cell: (row) => time(row.second, b) },
      { heading: 'times as fast', cell: (row) => (row.first.length && row.second.length ? digits(spent(row.first) / a / (spent(row.second) / b)) : '') },
    ], `A whole run: ${timeText(total)} and ${timeText(other)}, ${digits(total / other)} times as fast.`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

const spent = (nodes: readonly OperatorTime[]) => nodes.reduce((sum, { seconds }) => sum + seconds, 0)
const time = (nodes: readonly OperatorTime[], runs: number) => (nodes.length ? timeText(spent(nodes) / runs) : '')
const types = (nodes: readonly OperatorTime[]) => [...grouped(nodes, ({ type }) => type)].map(([type, { length }]) => (length > 1 ? `${type} ×${length}` : type)).join(', ')

const WORKERS = new Set(['Conv', 'MatMul', 'LSTM', 'GRU', 'Attention'])

function layersOf(sequence: readonly OperatorTime[]): OperatorTime[][] {
  const layers: OperatorTime[][] = []
  for (const node of sequence) {
    if (WORKERS.has(familyOf(node.type)) || !layers.length) layers.push([node])
    else layers.at(-1)!.push(node)
  }
  return layers
}

/** The alignment with the highest sum of likenesses (Needleman and Wunsch, 1970, without a cost for gaps). */
function matched(first: readonly OperatorTime[][], second: readonly OperatorTime[][]): MatchedLayer[] {
  const best = Array.from({ length: first.length + 1 }, () => new Float64Array(second.length + 1))
  for (let i = first.length - 1; i >= 0; i--)
    for (let j = second.length - 1; j >= 0; j--) best[i][j] = Math.max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + likeness(first[i][0], second[j][0]))
  const layers: MatchedLayer[] = []
  for (let i = 0, j = 0; i < first.length || j < second.length; ) {
    const pair = i < first.length && j < second.length ? likeness(first[i][0], second[j][0]) : 0
    if (pair > 0 && best[i][j] === best[i + 1][j + 1] + pair) layers.push({ name: first[i][0].name, first: first[i++], second: second[j++] })
    else if (j === second.length || (i < first.length && best[i][j] === best[i + 1][j])) layers.push({ name: first[i][0].name, first: first[i++], second: [] })
    else layers.push({ name: second[j][0].name, first: [], second: second[j++] })
  }
  return layers
}

function likeness(a: OperatorTime, b: OperatorTime): number {
  const family = familyOf(a.type) === familyOf(b.type)
  return (a.name === b.name ? 3 : 0) + (family ? 1 : 0) + (family && String(a.shape) === String(b.shape) ? 1 : 0)
}
