import type { About } from '../../../lib/measure/result.ts'
import { random } from '../../../lib/random.ts'

/** Times round a median with noise of this share, drawn one by one. */
export function lognormal(median: number, noise: number, seed: number): () => number {
  const { next } = random(seed)
  return () => median * Math.exp(noise * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()))
}

/** Rounds of two things on a machine whose speed wanders by about a tenth; the second takes longer by a share. Each time has noise of 3 %, and one in ten is interrupted. */
export function drifting(rounds: number, slower: number, seed: number): [first: number[], second: number[]] {
  const [step, noise, chance] = [lognormal(1, 0.02, 3 * seed), lognormal(0.01, 0.03, 3 * seed + 1), random(3 * seed + 2)]
  let level = 1
  const time = () => level * noise() * (chance.next() < 0.1 ? 1 + 5 * chance.next() : 1)
  const pairs = Array.from({ length: rounds }, () => {
    level = level ** 0.98 * step()
    return [time(), time() * (1 + slower)] as const
  })
  return [pairs.map(([first]) => first), pairs.map(([, second]) => second)]
}

export function times(median: number, noise: number, count: number, seed: number): number[] {
  const draw = lognormal(median, noise, seed)
  return Array.from({ length: count }, draw)
}

export function timed(name: string, samples: readonly number[], perCall = 1) {
  return { name, perCall, settings: {}, warmup: 3, samples }
}

/** A quiet machine of four cores. */
export const about: About = {
  baseline: 'base',
  seed: 0,
  threshold: 0.02,
  environment: { processor: 'planted', cores: 4, memory: 2 ** 33, accelerator: null, system: 'Linux', versions: { node: '20.20.2', onnxruntime: '1.30.0', hone: '0.1.0' } },
  conditions: { otherLoad: 0.02, clock: { low: 3000, high: 3000 }, pace: times(4e-5, 0.01, 40, 99) },
  started: new Date('2026-01-02T03:04:05Z'),
}
