import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { checkReplaceable } from '../files.ts'
import { attributeText } from '../graph/attribute.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'
import { decodeModel, encodeModel } from '../graph/onnx.ts'
import { Tensor } from '../graph/tensor.ts'
import { Model } from '../nn/model.ts'
import { requireKnown, requireWhole } from '../require.ts'
import { finite } from './diagnose.ts'
import type { Epoch } from './fit.ts'
import { readSafetensors, writeSafetensors, type TensorFile } from './safetensors.ts'
import { used, withState } from './state.ts'

export type State = Readonly<Record<string, Tensor>>

/** All that a training run needs to go on as if it had never stopped. */
export interface Checkpoint {
  /** Parameters, running statistics, what the optimizer remembers, and counters. */
  readonly state: State
  /** Steps done. */
  readonly step: number
  /** Loss of each of them. */
  readonly losses: readonly number[]
  readonly epochs: readonly Epoch[]
  /** The state of the best epoch so far, where early stopping keeps one. */
  readonly best: State | null
  /** The network, `emptied` of what the state holds. */
  readonly network: Tensor
}

export interface CheckpointOptions {
  /** A safetensors file. */
  path: string
  /** Steps from one writing to the next (an epoch). */
  every?: number
  /** Whether to go on from the file where it is there (true), or to begin anew and write over it (false). Without a word an existing file is an error. */
  resume?: boolean
}

/** Names of what a checkpoint holds beside its state, which a network's own names do not begin with. */
const OWN = 'hone/'
const BEST = `${OWN}best/`
const LOSSES = `${OWN}losses`
const NETWORK = `${OWN}network`
const METADATA = 'hone.checkpoint'

const OPTIONS: Readonly<Record<keyof CheckpointOptions, true>> = { path: true, every: true, resume: true }

/** The options of a checkpoint, of which a path alone says enough. @throws Error where no file can be written there; RangeError where `every` is no number of steps. */
export function checkpointOf(checkpoint: string | CheckpointOptions): CheckpointOptions {
  const options = typeof checkpoint === 'string' ? { path: checkpoint } : checkpoint
  requireKnown('checkpoint', options, OPTIONS)
  const { path, every } = options
  if (every !== undefined) requireWhole('checkpoint: every', every, 1)
  try {
    accessSync(dirname(path), constants.W_OK)
    checkReplaceable(path)
  } catch (error) {
    throw new Error(`the checkpoint ${path} cannot be written: ${(error as Error).message}`, { cause: error })
  }
  return options
}

/** A network without the tensors that a state holds, to be written beside it. */
export function emptied(network: Graph, state: State): Tensor {
  const graph = network.copy()
  for (const value of graph.initializers) if (state[value.name]) value.initializer = NOTHING
  const bytes = encodeModel(graph)
  return Tensor.raw('uint8', [bytes.length], bytes)
}

const NOTHING = Tensor.zeros('uint8', [0])

/** What must be the same for a run to go on. */
export type Settings = Readonly<Record<string, string | number>>

/**
 * Writes a checkpoint; the former one stays until the new one is whole.
 * @throws Error where it cannot be written, such as on a full disk; or naming what is not finite in the state, which no training recovers from.
 */
export async function writeCheckpoint(path: string, { state, step, losses, epochs, best, network }: Checkpoint, settings: Settings): Promise<void> {
  const former = existsSync(path) ? ' The one before it is untouched.' : ''
  const bad = Object.keys(state).find((name) => !finite(state[name]))
  if (bad) throw new Error(`the checkpoint ${path} is not written, since "${bad}" is not finite after step ${step}.${former} Lower the learning rate, or clip the gradients.`)
  const tensors = {
    ...state,
    ...Object.fromEntries(Object.entries(best ?? {}).map(([name, tensor]) => [BEST + name, tensor])),
    [LOSSES]: Tensor.of('float64', [losses.length], Float64Array.from(losses)),
    [NETWORK]: network,
  }
  const metadata = { [METADATA]: JSON.stringify({ step, epochs, settings }, written) }
  await writeSafetensors(path, { tensors, metadata }).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOSPC' ? 'the disk is full' : error.message
    throw new Error(`the checkpoint ${path} could not be written: ${reason}.${former}`, { cause: error })
  })
}

/**
 * The checkpoint to go on from, if there is one and `resume` says so. `expected` are the first state and the `emptied` network of the run that wants it.
 * @throws Error where the file is damaged, belongs to another model or other settings (which differ), or is in the way.
 */
export async function openCheckpoint({ path, resume }: CheckpointOptions, expected: Pick<Checkpoint, 'state' | 'network'>, settings: Settings): Promise<Checkpoint | null> {
  if (resume === false || !existsSync(path)) return null
  if (resume === undefined) throw new Error(`the checkpoint ${path} is there already: say resume: true to go on from it, or resume: false to begin anew and write over it`)
  const { settings: former, ...checkpoint } = parsed(path, await readSafetensors(path))
  const difference = settingsDifference(former, settings) ?? stateDifference(checkpoint.state, expected.state) ?? networkDifference(checkpoint.network, expected.network)
  if (difference) throw new Error(`${path} is of another run: ${difference}. To train its model in another way, begin with \`await train.load(path)\`.`)
  return checkpoint
}

/**
 * The model that a checkpoint holds, as `fit` would have answered with it: that of the best epoch where early stopping keeps it, its parameters' moving averages
 * where there are any. `const model = await train.load('run.safetensors')`
 * @throws Error where the file is missing, damaged, or no checkpoint.
 */
export async function load(path: string): Promise<Model> {
  const { state, best, network } = parsed(path, await readSafetensors(path))
  return new Model(inferShapes(withState(decodeModel(network.bytes), used(best ?? state))))
}

function parsed(path: string, { tensors, metadata }: TensorFile): Checkpoint & { readonly settings: Settings } {
  const text = metadata[METADATA]
  const { [LOSSES]: losses, [NETWORK]: network } = tensors
  if (!text) throw new Error(`${path} is not a checkpoint of hone`)
  if (!losses || !network) throw new Error(`${path} is a checkpoint of another version of hone, which this one cannot read`)
  const { step, epochs, settings } = JSON.parse(text, read) as Pick<Checkpoint, 'step' | 'epochs'> & { settings: Settings }
  const names = Object.keys(tensors)
  const state = Object.fromEntries(names.filter((name) => !name.startsWith(OWN)).map((name) => [name, tensors[name]]))
  const best = Object.fromEntries(names.filter((name) => name.startsWith(BEST)).map((name) => [name.slice(BEST.length), tensors[name]]))
  return { state, step, losses: losses.toNumbers(), epochs, settings, best: Object.keys(best).length ? best : null, network }
}

/** JSON has no numbers that are not finite, as a validation's loss may be. */
const written = (_: string, value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? { [NUMBER]: String(value) } : value)
const read = (_: string, value: unknown): unknown => (value instanceof Object && NUMBER in value && typeof value[NUMBER] === 'string' ? Number(value[NUMBER]) : value)
const NUMBER = 'number'

/** In what a stored state differs from that of this model and optimizer. */
function stateDifference(stored: State, expected: State): string | null {
  const missing = Object.keys(expected).filter((name) => !stored[name])
  const foreign = Object.keys(stored).filter((name) => !expected[name])
  const list = (names: readonly string[]) => names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '')
  if (missing.length) return `it lacks ${list(missing)}${foreign.length ? `, and holds ${list(foreign)}` : ''}`
  if (foreign.length) return `it holds ${list(foreign)} beside`
  const unlike = Object.keys(expected).find((name) => String(stored[name]) !== String(expected[name]))
  return unlike ? `its ${unlike} is ${stored[unlike]}, and ${expected[unlike]} is needed` : null
}

function settingsDifference(former: Settings, settings: Settings): string | null {
  const unlike = Object.keys({ ...former, ...settings }).find((name) => former[name] !== settings[name])
  const short = (value: string | number = 'not set') => (String(value).length > 60 ? `${String(value).slice(0, 60)} ...` : value)
  return unlike ? `"${unlike}" was ${short(former[unlike])}, and now it is ${short(settings[unlike])}` : null
}

/** In what a stored network differs from another one, both `emptied`: what their names or their files' versions say beside does not count. */
function networkDifference(stored: Tensor, expected: Tensor): string | null {
  if (Buffer.from(stored.bytes).equals(expected.bytes)) return null
  const [former, now] = [stored, expected].map(({ bytes }) => {
    const graph = decodeModel(bytes)
    return [...graph.allNodes().map((node) => ({ place: `at ${node}`, text: nodeText(node) })), { place: 'in its outputs', text: `outputs ${graph.outputs.join(', ')}` }]
  })
  const at = former!.findIndex(({ text }, i) => text !== now![i]?.text)
  return at < 0 ? null : `its network differs ${former![at]!.place}: ${former![at]!.text} there, and ${now![at]?.text ?? 'nothing'} here`
}

/** What a node computes, with a digest of each stored tensor that it reads. */
function nodeText(node: Node): string {
  const read = (value: Value | null) => (value?.initializer ? `${value} #${createHash('sha256').update(value.initializer.bytes).digest('hex').slice(0, 8)}` : `${value ?? ''}`)
  return `${node.type}(${[...node.inputs.map(read), ...[...node.attributes].map(([name, a]) => `${name}=${attributeText(a)}`)].join(', ')})`
}
