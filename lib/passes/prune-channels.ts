import { Coupling, emptied, isSame, removeEntries, union, type Coupled, type Member } from '../graph/coupling.ts'
import type { Graph, Value } from '../graph/graph.ts'
import type { Port } from '../graph/operator.ts'
import { channelsOf, hiddenChannels, type Channels } from './channels.ts'
import { batchNormScale, l1, l2, randomly, type Criterion } from './criterion.ts'
import { labelOf, pass, type Pass, type Report } from './pass.ts'
import { roundHalfToEven } from './rounding.ts'
import { chosenLayers, type Selection } from './weight.ts'

const CRITERIA = { l1, l2, 'batch-norm': batchNormScale, random: randomly() } as const satisfies Readonly<Record<string, Criterion>>

export interface PruneChannelsOptions extends Selection {
  /** Share of the channels that go, from 0 up to, not including, 1: of each group (`scope: 'layer'`), or of all together (`'global'`). */
  amount: number
  /** Which channels go first ('l1'); `taylor({ data })` reads their effect on the loss. */
  criterion?: keyof typeof CRITERIA | Criterion
  /** Whether channels compete within their group or across the network ('layer'). */
  scope?: 'layer' | 'global'
  /** The number of channels that stay is rounded up to a multiple of it (1): vector units like 8 or 16. */
  roundTo?: number
}

/** Channels that are removed together wherever residual additions, concatenations, depthwise and grouped convolutions, or a flattened head tie them. */
interface Group {
  readonly layers: readonly Channels[]
  readonly members: readonly Member[]
  readonly scores: readonly number[]
}

/**
 * Structured pruning by dependency group: really removes the channels that matter least, and with each everything that hangs together with it, in the
 * layers before and after. With a layer of `include` go those that are tied to it; a layer of `exclude` keeps its channels, and so do those tied to it. Shapes of
 * inputs and outputs stay. Fang et al. 2023, https://arxiv.org/abs/2301.12900
 * @throws RangeError where an option is out of range; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneChannels({ amount, criterion = 'l1', scope = 'layer', roundTo = 1, ...selection }: PruneChannelsOptions): Pass {
  if (typeof amount !== 'number' || !(amount >= 0 && amount < 1)) throw new RangeError(`pruneChannels: amount is a share from 0 up to, not including, 1, not ${amount}: something of each layer has to stay`)
  if (!(Number.isInteger(roundTo) && roundTo >= 1)) throw new RangeError(`pruneChannels: roundTo is a whole number from 1 on, not ${roundTo}`)
  if (scope !== 'layer' && scope !== 'global') throw new RangeError(`pruneChannels: scope is 'layer' or 'global', not ${scope}`)
  const chosen = typeof criterion === 'string' ? CRITERIA[criterion] : criterion
  if (!chosen) throw new RangeError(`pruneChannels: there is no criterion "${criterion}"; there are ${Object.keys(CRITERIA).join(', ')} and taylor({ data })`)
  return pass('prune-channels', { amount, criterion: chosen.name, scope, roundTo, ...selection }, async (graph, report) => {
    const groups = await groupsOf(graph, chosen, selection, report)
    const taken = scope === 'layer' ? groups.map((group) => weakest(group, roundHalfToEven(amount * group.members.length))) : lowest(groups, amount)
    const going = groups.map((group, g) => rounded(group, taken[g]!.going, roundTo))
    const { removal, spared } = removalOf(going.flat())
    groups.forEach(({ layers, members }, g) => {
      tell(layers, removal, report)
      if (taken[g]!.going.length && !going[g]!.length) report.refuse(layers[0]!.layer, `roundTo: ${roundTo} keeps all ${members.length} channels that it could lose`)
      if (taken[g]!.isSpared || members.some((member) => spared.has(member))) report.refuse(layers[0]!.layer, 'the best of its channels stays, though it was to go: something of each layer has to')
    })
    removeEntries(graph, removal)
  })
}

/** Why a criterion does not tell how much channels matter. */
const UNTOLD: Readonly<Record<Criterion['reads'], string>> = {
  weights: 'no stored weight computes its channels, by which they were to be judged',
  scales: 'its channels have no batch normalization, by whose scale they were to be judged',
}

/** The groups that may lose channels, each once, in the order of their first layers; what may not is reported. */
async function groupsOf(graph: Graph, criterion: Criterion, selection: Selection, report: Report): Promise<readonly Group[]> {
  const layers = graph.nodes().flatMap((node) => channelsOf(node) ?? [])
  const chosen = new Set(chosenLayers('prune-channels', graph, (node) => channelsOf(node) !== null || hiddenChannels(node) !== null, selection, report))
  for (const layer of chosen) {
    const reason = hiddenChannels(layer)
    if (reason) report.refuse(layer, reason)
  }
  const coupling = new Coupling()
  const membersOf = new Map<Channels, readonly Member[]>()
  for (const channels of layers) {
    try {
      membersOf.set(channels, coupling.members(channels.output))
    } catch (error) {
      if (chosen.has(channels.layer)) report.refuse(channels.layer, (error as Error).message)
    }
  }
  const protectedMembers = new Set([...membersOf].flatMap(([{ layer }, members]) => (selection.exclude?.includes(labelOf(layer)) ? members : [])))
  const score = await scorer(graph, criterion, [...membersOf.keys()])

  const layersOf = new Map<Member, Channels[]>()
  for (const [channels, members] of membersOf) for (const member of members) layersOf.set(member, [...(layersOf.get(member) ?? []), channels])
  const placeOf = new Map(layers.map((channels, i) => [channels, i]))

  const seen = new Set<Member>()
  const groups: Group[] = []
  for (const [channels, all] of membersOf) {
    if (!chosen.has(channels.layer)) continue
    const members = [...new Set(all)].filter((member) => !seen.has(member))
    members.forEach((member) => seen.add(member))
    const free = members.filter((member) => member.refusal === null && !protectedMembers.has(member))
    const reason = members.find(({ refusal }) => refusal)?.refusal ?? (members.some((member) => protectedMembers.has(member)) ? 'its channels hang together with those of a layer that is left as it is' : null)
    const scores = free.map(score)
    if (members.length && !free.length) report.refuse(channels.layer, reason ?? 'it has no channels')
    else if (scores.some((s) => s === null)) report.refuse(channels.layer, UNTOLD[criterion.reads])
    else if (free.length === 1) report.refuse(channels.layer, 'a single channel is all it has to lose')
    else if (free.length) groups.push({ layers: [...new Set(free.flatMap((member) => layersOf.get(member)!))].toSorted((a, b) => placeOf.get(a)! - placeOf.get(b)!), members: free, scores: scores as number[] })
  }
  return groups
}

/**
 * How much a member matters: the mean, over the tensors that tell about it, of its entries' share in that tensor, so that large and small layers count alike.
 * Null where nothing tells about it.
 */
async function scorer(graph: Graph, criterion: Criterion, layers: readonly Channels[]): Promise<(member: Member) => number | null> {
  const axes = criterion.reads === 'weights' ? layers.flatMap(({ weights }) => weights) : scalesOf(graph)
  const scores = await criterion.score(axes, graph)
  const told = new Map<Value, Map<number, Float64Array>>()
  axes.forEach(({ value, axis }, i) => {
    const entries = scores[i]!
    const mean = entries.reduce((sum, s) => sum + s, 0) / entries.length
    told.set(value, (told.get(value) ?? new Map()).set(axis, entries.map((s) => (mean ? s / mean : 0))))
  })
  return ({ entries }) => {
    let [found, tensors] = [0, 0]
    for (let i = 0; i < entries.length; ) {
      const [first, { port }] = [i, entries[i]!]
      const shares = told.get(port.value)?.get(port.axis)
      let sum = 0
      for (; entries[i]?.port === port; i++) sum += shares ? shares[entries[i]!.index]! : 0
      if (!shares) continue
      found += sum / (i - first)
      tensors++
    }
    return tensors ? found / tensors : null
  }
}

function scalesOf(graph: Graph): readonly Port[] {
  return graph.nodes('BatchNormalization').flatMap((node) => (node.inputs[1]?.constant ? [{ value: node.inputs[1], axis: 0 }] : []))
}

interface Going {
  readonly member: Member
  readonly score: number
}

/** What goes of a group, and whether its best member only stays because nothing would be left. */
interface Taken {
  readonly going: readonly Going[]
  readonly isSpared: boolean
}

/** The members of a group, what matters least first; of equal ones the first. */
function ranked({ members, scores }: Group): readonly Going[] {
  return members.map((member, i) => ({ member, score: scores[i]! })).toSorted((a, b) => a.score - b.score)
}

/** The `count` members of a group that matter least, but never all. */
function weakest(group: Group, count: number): Taken {
  return { going: ranked(group).slice(0, Math.min(count, group.members.length - 1)), isSpared: count >= group.members.length }
}

/** The share of all groups' members that matters least, but for the best of each group, so that none is emptied. */
function lowest(groups: readonly Group[], amount: number): readonly Taken[] {
  const all = groups.map(ranked)
  const count = roundHalfToEven(amount * all.flat().length)
  const candidates = all.flatMap((list) => list.slice(0, -1)).toSorted((a, b) => a.score - b.score)
  const going = new Set(candidates.slice(0, count))
  const most = count > candidates.length ? Infinity : (candidates[count - 1]?.score ?? 0)
  return all.map((list) => ({ going: list.filter((candidate) => going.has(candidate)), isSpared: list.at(-1)!.score < most }))
}

/** Fewer, so that the number that stays is a multiple. */
function rounded({ members }: Group, going: readonly Going[], multiple: number): readonly Going[] {
  const stay = Math.ceil((members.length - going.length) / multiple) * multiple
  return going.slice(0, Math.max(0, members.length - stay))
}

/** What goes with the members; the best of those that would leave nothing of some part of a group (one half of a split, say) stays. */
function removalOf(going: readonly Going[], spared: ReadonlySet<Member> = new Set()): { readonly removal: Coupled; readonly spared: ReadonlySet<Member> } {
  const removal = union(going.map(({ member }) => member))
  const empty = emptied(removal)
  if (!empty) return { removal, spared }
  const best = going.filter(({ member }) => member.entries.some(({ port }) => isSame(port, empty))).reduce((a, b) => (b.score > a.score ? b : a))
  return removalOf(going.filter((other) => other !== best), new Set([...spared, best.member]))
}

function tell(layers: readonly Channels[], removal: Coupled, report: Report): void {
  for (const { layer, output } of layers) {
    const gone = removal.get(output.value)?.get(output.axis)?.size
    const others = layers.flatMap((other) => (other.layer === layer ? [] : [labelOf(other.layer)]))
    const tied = others.length ? `, together with ${others.slice(0, 3).join(', ')}${others.length > 3 ? ` and ${others.length - 3} more` : ''}` : ''
    if (gone) report.change(layer, `${gone} of ${output.value.shape![output.axis]} channels removed${tied}`)
  }
}
