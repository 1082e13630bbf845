import { existsSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { batchSymbol, sampleFeeds } from '../lib/measure/sample-feeds.ts'
import type { Port, Tensors } from '../lib/runtime/boundary.ts'
import type { Device } from '../lib/runtime/devices.ts'
import { Session, type SessionOptions } from '../lib/runtime/session.ts'
import { UsageError } from './usage.ts'

/** What the commands that run a model without data have in common. */
export interface ModelOptions {
  readonly batch?: number
  readonly size: Readonly<Record<string, number>>
  readonly device: Device | 'auto'
  readonly threads?: number
}

export function withModelOptions(command: Command): Command {
  return command
    .option('--batch <items>', 'items a run: the first dimension of the first input', count)
    .option('--size <name=number>', 'give a symbolic dimension a size (repeatable; 1 otherwise)', size, {})
    .addOption(new Option('--device <device>', 'where models run').choices(['auto', 'cpu', 'cuda', 'webgpu']).default('cpu'))
    .option('--threads <count>', 'threads within an operator', count)
}

export function sessionOptions({ device, threads }: ModelOptions): SessionOptions {
  return { device, ...(threads !== undefined && { threads }) }
}

/** Random inputs for a model. */
export function inputsFor(inputs: readonly Port[], { batch, size: sizes }: ModelOptions): Tensors {
  const symbol = batchSymbol(inputs)
  if (batch !== undefined && symbol === undefined) throw new UsageError('--batch: the first dimension of this model is fixed.')
  try {
    return sampleFeeds(inputs, { ...sizes, ...(symbol !== undefined && batch !== undefined && { [symbol]: batch }) })
  } catch (error) {
    throw new UsageError(`--size: ${(error as Error).message}.`, { cause: error })
  }
}

/** @throws UsageError where the file is absent, is no model, or the device is not there. */
export async function openModel(file: string, options: ModelOptions): Promise<Session> {
  if (!existsSync(file)) throw new UsageError(`There is no file ${file}.`)
  try {
    return await Session.create(file, sessionOptions(options))
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function size(text: string, former: Record<string, number>): Record<string, number> {
  const [, name, value] = /^([^=]+)=(\d+)$/.exec(text) ?? []
  if (!name) throw new UsageError(`--size takes name=number, not ${text}.`)
  return { ...former, [name]: Number(value) }
}

/** Takes a whole number from 1 on. */
export function count(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new UsageError(`A whole number from 1 on is wanted, not ${text}.`)
}

/** Takes a number above 0. */
export function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && value < Infinity) return value
  throw new UsageError(`A number above 0 is wanted, not ${text}.`)
}

/** Takes per cent, as a share. */
export function percent(text: string): number {
  const share = Number(text.replace(/\s*%$/, '')) / 100
  if (text.trim() !== '' && share >= 0 && share < 1) return share
  throw new UsageError(`Per cent from 0 to 100 are wanted, not ${text}.`)
}
