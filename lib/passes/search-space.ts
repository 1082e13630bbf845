import type { Device } from '../runtime/devices.ts'
import type { Calibration, RangeMethod } from './calibrate.ts'
import { commonSubexpressions } from './common-subexpressions.ts'
import { float8 } from './float8.ts'
import { foldBatchNorm } from './fold-batch-norm.ts'
import { foldConstants } from './fold-constants.ts'
import { fuseActivation } from './fuse-activation.ts'
import { halfPrecision } from './half-precision.ts'
import { ternarize } from './low-bit.ts'
import { packWeights } from './pack-weights.ts'
import { pipeline, type Pass } from './pass.ts'
import { pruneChannels } from './prune-channels.ts'
import { quantize } from './quantize.ts'
import { removeIdentities } from './remove-identities.ts'
import type { Sensitivities } from './sensitivity.ts'

/** What a network's numbers become: computed so (float32, int8, float16), or only stored so. */
export type Format = 'float32' | 'int8' | 'float16' | 'stored in float16' | 'stored in float8' | 'ternary'

/** A point of the search space. */
export interface Recipe {
  /** Share of the channels that are removed. */
  readonly amount: number
  readonly format: Format
  /** How int8 finds the ranges of activations. */
  readonly range: RangeMethod
  /** So many of the layers that mind int8 most stay in float32. */
  readonly spared: number
}

/** What is done to the network that is trained on, if it is, and what after it. */
export interface Steps {
  readonly structure: Pass | null
  readonly form: Pass
}

interface Dimensions {
  readonly formats: readonly Format[]
  /** Where the search begins. */
  readonly amounts: readonly number[]
  readonly sensitivities: Sensitivities
  /** Layers that may lose channels. */
  readonly prunable: readonly string[]
  /** Layers that keep full precision where weights have few bits: the first and the last. */
  readonly ends: readonly string[]
  readonly calibrate: Calibration
  /** Where the network will run. */
  readonly device: Device
}

const RANGES: readonly RangeMethod[] = ['average', 'percentile', 'mse', 'entropy']
const [AVERAGE] = RANGES as [RangeMethod]

/** From an amount to its neighbours. */
const AMOUNT_STEPS = [0.1, 0.05]
const MOST_CHANNELS = 0.9

/** What leaves a network as it is, and makes it simpler. */
export const folded = (): Pass => pipeline([removeIdentities(), foldConstants(), foldBatchNorm(), commonSubexpressions()])

/** Every pipeline that `tune` may try: channels removed, times a format, times the layers that it spares. */
export class SearchSpace {
  readonly #of: Dimensions
  readonly #layers: number

  constructor(dimensions: Dimensions) {
    this.#of = dimensions
    this.#layers = dimensions.sensitivities.to('int8').length
  }

  /** Each format without a channel removed, each amount in float32 and in the first other format. */
  start(): readonly Recipe[] {
    const { formats, amounts } = this.#of
    const plain = this.#formats().map((format) => recipe(0, format))
    const pruned = this.#prunes ? amounts.flatMap((amount) => formats.filter((format) => format !== 'ternary').slice(0, 2).map((format) => recipe(amount, format))) : []
    return [...plain, ...pruned]
  }

  /** One step away in one dimension. */
  neighbours(it: Recipe): readonly Recipe[] {
    const { amount, format, range, spared } = it
    const amounts = AMOUNT_STEPS.flatMap((step) => [amount - step, amount + step]).map((a) => Math.round(100 * a) / 100).filter((a) => a >= 0 && a <= MOST_CHANNELS)
    const counts = [...new Set([spared + 1, 2 * spared, spared - 1, Math.floor(spared / 2)])].filter((n) => n >= 0 && n < this.#layers)
    return [
      ...this.#formats().map((other) => recipe(amount, other)),
      ...(this.#prunes ? amounts.map((a) => ({ ...it, amount: a })) : []),
      ...(format === 'int8' ? [...counts.map((n) => ({ ...it, spared: n })), ...RANGES.map((r) => ({ ...it, range: r }))] : []),
    ].filter((other) => nameOf(other) !== nameOf({ amount, format, range, spared }))
  }

  /** A recipe's name: what it does, in words. */
  name(it: Recipe): string {
    const spared = this.#spared(it)
    const shown = spared.length > 3 ? `${spared.slice(0, 2).join(', ')} and ${spared.length - 2} more` : spared.join(', ')
    return `${nameOf({ ...it, spared: 0 })}${spared.length ? ` without ${shown}` : ''}`
  }

  steps({ amount, format, range, spared }: Recipe): Steps {
    const { prunable, ends, calibrate, device } = this.#of
    const structure = [...(amount ? [pruneChannels({ amount, include: prunable })] : []), ...(format === 'ternary' ? [ternarize({ exclude: ends })] : [])]
    const forms: Readonly<Record<Format, () => readonly Pass[]>> = {
      float32: () => [folded(), fuseActivation()],
      int8: () => [folded(), quantize({ calibrate, range, exclude: this.#spared({ format, spared }) }), fuseActivation()],
      float16: () => [folded(), halfPrecision({ device })],
      'stored in float16': () => [folded(), fuseActivation(), halfPrecision({ storageOnly: true })],
      'stored in float8': () => [folded(), fuseActivation(), float8()],
      ternary: () => [foldConstants({ limit: Infinity }), folded(), fuseActivation(), packWeights()],
    }
    return { structure: structure.length ? pipeline(structure) : null, form: pipeline(forms[format]()) }
  }

  get #prunes(): boolean {
    return this.#of.prunable.length > 0 && this.#of.amounts.length > 0
  }

  #formats(): readonly Format[] {
    return this.#of.formats.filter((format) => format !== 'int8' || this.#layers > 0)
  }

  #spared({ format, spared }: Pick<Recipe, 'format' | 'spared'>): readonly string[] {
    return format === 'int8' ? this.#of.sensitivities.most('int8', spared) : []
  }
}

const recipe = (amount: number, format: Format): Recipe => ({ amount, format, range: AVERAGE, spared: 0 })

function nameOf({ amount, format, range, spared }: Recipe): string {
  const pruned = amount ? `${Math.round(100 * amount)} % of channels removed, ` : ''
  const form = format === 'float32' ? 'fused' : format
  return `${pruned}${form}${format === 'int8' && range !== AVERAGE ? ` (${range})` : ''}${spared ? ` without ${spared}` : ''}`
}
