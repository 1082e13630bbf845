import { random, type Random } from '../random.ts'

/** Which random numbers: those of an epoch under a seed. */
export interface Draw {
  readonly seed: number
  readonly epoch: number
}

/** What the numbers are for, so that no two purposes share them. */
const PURPOSES = { order: 1, sample: 2, batch: 3 } as const

/**
 * Random numbers that depend on nothing but the seed, the epoch, the purpose, and which sample or batch it is: so not on the number of workers, nor on what was drawn
 * before.
 */
export function drawn({ seed, epoch }: Draw, purpose: keyof typeof PURPOSES, index: number): Random {
  return random([epoch, PURPOSES[purpose], index].reduce((key, part) => 2 ** 32 * random(key, part).next(), seed))
}
