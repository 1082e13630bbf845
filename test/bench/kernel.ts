import { setTimeout as sleep } from 'node:timers/promises'
import { KernelClient } from '../../kernel/client.ts'
import type { StartOptions } from '../../kernel/kernel-process.ts'
import { figures } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { kernelPeers } from './peers.ts'

const STARTS = 7
const WARM_UP = 20
const ROUND_TRIPS = 300
/** Seconds that a kernel may take for anything: now and then the sockets of another's do not come up. */
const PATIENCE = 30

interface Contender {
  readonly who: string
  readonly options: StartOptions
  readonly starts: number[]
  readonly trips: number[]
}

/** From the start of the process to the answered kernel_info, and from sending a cell `1+n` to its reply and idle status; each kernel in turn. */
export async function bench(print: (row: Row) => void, { peers }: BenchOptions): Promise<void> {
  const others = peers ? Object.entries(kernelPeers()) : []
  let contenders = [['hone', undefined] as const, ...others].map(([who, command]): Contender => ({ who, options: command ? { command } : {}, starts: [], trips: [] }))
  for (let i = 0; i < STARTS; i++) contenders = await answering(contenders, timeStart)
  const kernels = new Map<Contender, KernelClient>()
  contenders = await answering(contenders, async (one) => {
    const kernel = await KernelClient.start(one.options)
    await kernel.execute(one.who === 'ipykernel' ? 'n = 1' : 'let n = 1')
    kernels.set(one, kernel)
  })
  for (let i = 0; i < WARM_UP + ROUND_TRIPS; i++) contenders = await answering(contenders, (one) => timeRoundTrip(one, kernels.get(one)!))
  for (const { who, starts, trips } of contenders) {
    print({ bench: 'kernel', case: 'start to ready', who, metric: 'time', unit: 's', ...figures(starts) })
    print({ bench: 'kernel', case: 'round trip of 1+n', who, metric: 'time', unit: 's', ...figures(trips.slice(WARM_UP)) })
  }
  await answering(contenders, (one) => kernels.get(one)!.shutdown())
}

async function timeStart({ options, starts }: Contender): Promise<void> {
  const start = performance.now()
  const kernel = await KernelClient.start(options)
  starts.push((performance.now() - start) / 1000)
  await kernel.shutdown()
}

async function timeRoundTrip({ trips }: Contender, kernel: KernelClient): Promise<void> {
  const start = performance.now()
  await kernel.execute('1+n')
  trips.push((performance.now() - start) / 1000)
}

/** Does something with each in turn. Answers with those that were done in time; another is left out from then on, and named. */
async function answering(contenders: readonly Contender[], work: (one: Contender) => Promise<void>): Promise<Contender[]> {
  const done: Contender[] = []
  for (const one of contenders) {
    const timer = new AbortController()
    const late = sleep(PATIENCE * 1000, 'late' as const, { signal: timer.signal }).catch(() => undefined)
    if ((await Promise.race([work(one), late])) === 'late') console.error(`${one.who} did not answer within ${PATIENCE} s and is left out.`)
    else done.push(one)
    timer.abort()
  }
  return done
}
