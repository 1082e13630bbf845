import type { BenchResult } from '../measure/result.ts'
import type { Model } from '../nn/model.ts'
import type { Tensors } from '../runtime/boundary.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { blockLayers } from './block-layers.ts'
import { blockPooling } from './block-pooling.ts'
import type { Pass } from './pass.ts'
import { timedSideBySide } from './side-by-side.ts'
import type { Selection } from './weight.ts'

export interface TilingOptions extends Selection, Pick<SessionOptions, 'device' | 'threads'> {
  /** Output channels of a tile of convolutions and products to try ([16, 64]). */
  readonly channels?: readonly number[]
  /** Rows of a tile to try ([4, 16]). */
  readonly rows?: readonly number[]
  /** Output positions along each axis of a block of pooling to try ([8]). */
  readonly pooling?: readonly number[]
  /** Time to measure for (10 s). */
  readonly seconds?: number
}

/**
 * Searches tile sizes of convolutions, products and pooling: the network whole and in each tiling, timed side by side. Tilings that cut nothing are left out. Verdicts
 * compare with the whole network, which often wins: the runtime's own kernels work in tiles already.
 *
 * @example await tilings(net, plates.batch(1), { include: ['conv2'] })
 */
export async function tilings(model: Model, feeds: Tensors, { channels = [16, 64], rows = [4, 16], pooling = [8], seconds = 10, include, exclude, ...session }: TilingOptions = {}): Promise<BenchResult<string>> {
  const selection = { ...(include && { include }), ...(exclude && { exclude }) }
  const passes: readonly (readonly [string, Pass])[] = [
    ...channels.map((tile) => [`tiles of ${tile} channels`, blockLayers({ over: 'channels', tile, ...selection })] as const),
    ...rows.map((tile) => [`tiles of ${tile} rows`, blockLayers({ over: 'rows', tile, ...selection })] as const),
    ...(include ? [] : pooling.map((block) => [`pooling in blocks of ${block}`, blockPooling({ block })] as const)),
  ]
  const made = await Promise.all(passes.map(async ([name, pass]) => ({ name, model: await model.apply(pass) })))
  const networks = [{ name: 'whole', model }, ...made.filter(({ model: { changes } }) => changes.length)]
  return timedSideBySide(networks, feeds, seconds, session)
}
