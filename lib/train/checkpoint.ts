import { existsSync } from 'node:fs'
import { Tensor } from '../graph/tensor.ts'
import { finite } from './diagnose.ts'
import type { Epoch } from './fit.ts'
import { readSafetensors, writeSafetensors } from './safetensors.ts'

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
}

export interface CheckpointOptions {
  /** A safetensors file. */
  path: string
  /** Steps from one writing to the next (an epoch). */
  every?: number
  /** Whether to go on from the file where it is there (true), or to begin anew and write over it (false). Without a word an existing file is an error. */
  resume?: boolean
}

const BEST = 'best/'
const LOSSES = 'losses'

/** What must be the same for a run to go on. */
export type Settings = Readonly<Record<string, string | number>>

/**
 * Writes a checkpoint; the former one stays until the new one is whole.
 * @throws Error where it cannot be written, such as on a full disk; or naming what is not finite in the state, which no training recovers from.
 */
export async function writeCheckpoint(path: string, { state, step, losses, epochs, best }: Checkpoint, settings: Settings): Promise<void> {
  const bad = Object.keys(state).find((name) => !finite(state[name]))
  if (bad) throw new Error(`the checkpoint ${path} is not written, since "${bad}" is not finite after step ${step}: the one before it is untouched. Lower the learning rate, or clip the gradients.`)
  const tensors = {
    ...state,
    ...Object.fromEntries(Object.entries(best ?? {}).map(([name, tensor]) => [BEST + name, tensor])),
    [LOSSES]: Tensor.of('float64', [losses.length], Float64Array.from(losses)),
  }
  const metadata = { 'hone.checkpoint': JSON.stringify({ step, epochs, settings }, written) }
  await writeSafetensors(path, { tensors, metadata }).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOSPC' ? 'the disk is full' : error.message
    throw new Error(`the checkpoint ${path} could not be written: ${reason}. The one before it is untouched.`, { cause: error })
  })
}

/**
 * The checkpoint to go on from, if there is one and `resume` says so.
 * @throws Error where the file is damaged, belongs to another model or other settings (which differ), or is in the way.
 */
export async function openCheckpoint({ path, resume }: CheckpointOptions, expected: State, settings: Settings): Promise<Checkpoint | null> {
  if (resume === false || !existsSync(path)) return null
  if (resume === undefined) throw new Error(`the checkpoint ${path} is there already: say resume: true to go on from it, or resume: false to begin anew and write over it`)
  const { tensors, metadata } = await readSafetensors(path)
  const text = metadata['hone.checkpoint']
  const losses = tensors[LOSSES]
  if (!text || !losses) throw new Error(`${path} is not a checkpoint of hone: there is nothing to resume`)
  const { step, epochs, settings: former } = JSON.parse(text, read) as Pick<Checkpoint, 'step' | 'epochs'> & { settings: Settings }
  const pick = (belongs: (name: string) => boolean, prefix = '') =>
    Object.fromEntries(Object.entries(tensors).filter(([name]) => belongs(name)).map(([name, tensor]) => [name.slice(prefix.length), tensor]))
  const state = pick((name) => name !== LOSSES && !name.startsWith(BEST))
  const best = pick((name) => name.startsWith(BEST), BEST)
  const difference = stateDifference(state, expected) ?? settingsDifference(former, settings)
  if (difference) throw new Error(`${path} is of another run: ${difference}`)
  return { state, step, losses: losses.toNumbers(), epochs, best: Object.keys(best).length ? best : null }
}

/** JSON has no numbers that are not finite, as a validation's loss may be. */
const written = (_: string, value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? { [NUMBER]: String(value) } : value)
const read = (_: string, value: unknown): unknown => (value instanceof Object && NUMBER in value ? Number(value[NUMBER]) : value)
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
  const unlike = Object.keys(settings).find((name) => former[name] !== settings[name])
  return unlike ? `"${unlike}" was ${former[unlike] ?? 'free'}, and now it is ${settings[unlike]}` : null
}
