import type { About } from '../../../lib/measure/result.ts'
import { random } from '../../../lib/random.ts'

/** Times round a median with noise of this share, drawn one by one. */
export function lognormal(median: number, noise: number, seed: number): () => number {
  const { next } = random(seed)
  return () => median * Math.exp(noise * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()))
}

export function times(median: number, noise: number, count: number, seed: number): number[] {
  const draw = lognormal(median, noise, seed)
  return Array.from({ length: count }, draw)
}

export function timed(name: string, samples: readonly number[], perCall = 1) {
  return { name, perCall, warmup: 3, samples }
}

/** A quiet machine of four cores. */
export const about: About = {
  baseline: 'base',
  seed: 0,
  environment: { processor: 'planted', cores: 4, memory: 2 ** 33, accelerator: null, system: 'Linux', versions: { node: '20.20.2', onnxruntime: '1.30.0', hone: '0.1.0' } },
  conditions: { otherLoad: 0.02, clock: { low: 3000, high: 3000 } },
  started: new Date('2026-01-02T03:04:05Z'),
}
