import { availableParallelism } from 'node:os'
import { bench as time, data, nn, OperatorSession, passes, Session, type Model } from '../../lib/index.ts'
import { figures } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'

interface Variant {
  readonly model: Model
  readonly batch?: number
  readonly threads?: number
  readonly optimized?: boolean
  readonly eager?: boolean
}

/** Seconds per plate of each of the study's variants, all in one interleaved run on the CPU. */
export async function bench(print: (row: Row) => void, { seconds = 60 }: BenchOptions): Promise<void> {
  const plates = await data.lprnet()
  const threads = availableParallelism()
  const net = nn.models.lprnet({ weights: 'published' })
  const folded = await net.apply(passes.pipeline([passes.removeIdentities(), passes.foldConstants(), passes.foldBatchNorm()]))
  const fused = await folded.apply(passes.fuseActivation())
  const dynamic = await folded.apply(passes.quantizeDynamic({ force: true }))
  const int8 = await folded.apply(passes.quantize({ calibrate: plates.take(200) }))
  const variants: Record<string, Variant> = {
    original: { model: net },
    'operator by operator': { model: net, eager: true },
    'pruned 0.20': { model: await net.apply(passes.pruneL1({ amount: 0.2 })) },
    fused: { model: fused },
    'dynamic int8': { model: dynamic },
    'static int8': { model: int8, optimized: true },
    blocked: { model: await net.apply(passes.blockPooling({ block: 2 })) },
    'ONNX Runtime optimized': { model: net, optimized: true },
    'fused, all threads, batch 100': { model: fused, threads, batch: 100 },
    'ONNX Runtime optimized, all threads, batch 100': { model: net, optimized: true, threads, batch: 100 },
    'static int8, all threads, batch 100': { model: int8, optimized: true, threads, batch: 100 },
  }
  const contenders = await Promise.all(Object.entries(variants).map(async ([name, variant]) => {
    const options = { device: 'cpu', threads: variant.threads ?? 1, graphOptimization: variant.optimized ? 'all' : 'disabled', spinning: false } as const
    const session = variant.eager ? await OperatorSession.create(variant.model.graph, options) : await Session.create(variant.model.graph, options)
    const perCall = variant.batch ?? 1
    return [name, { run: session.bind(plates.batch(perCall)), perCall }] as const
  }))
  const result = await time(Object.fromEntries(contenders), { seconds })
  for (const { name, samples } of result) print({ bench: 'lprnet', case: name, who: 'hone', metric: 'time per plate', unit: 's', ...figures(samples) })
  console.error(String(result))
}
