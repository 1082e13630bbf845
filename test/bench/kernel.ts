import { setTimeout as sleep } from 'node:timers/promises'
import { KernelClient } from '../../kernel/client.ts'
import type { StartOptions } from '../../kernel/kernel-process.ts'
import { figures } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { kernelPeers } from './peers.ts'

const STARTS = 7
const WARM_UP = 20
const ROUND_TRIPS = 300
const COMPLETIONS = 100
/** Seconds that a kernel may take for anything: now and then the sockets of another's do not come up. */
const PATIENCE = 30

interface Contender {
  readonly who: string
  readonly options: StartOptions
  readonly starts: number[]
  readonly trips: number[]
  readonly firstCompletions: number[]
  readonly completions: number[]
}

/**
 * From the start of the process to the answered kernel_info and from there to the first completion; from sending a cell `1+n`, or asking for
 * the members of a value, to the reply and idle status; each kernel in turn.
 */
export async function bench(print: (row: Row) => void, { peers }: BenchOptions): Promise<void> {
  const others = peers ? Object.entries(kernelPeers()) : []
  let contenders = [['hone', undefined] as const, ...others].map(([who, command]): Contender => ({ who, options: command ? { command } : {}, starts: [], trips: [], firstCompletions: [], completions: [] }))
  for (let i = 0; i < STARTS; i++) contenders = await answering(contenders, timeStart)
  const kernels = new Map<Contender, KernelClient>()
  contenders = await answering(contenders, async (one) => {
    const kernel = await KernelClient.start(one.options)
    await kernel.execute(one.who === 'ipykernel' ? 'n = 1' : 'let n = 1')
    kernels.set(one, kernel)
  })
  for (let i = 0; i < WARM_UP + ROUND_TRIPS; i++) contenders = await answering(contenders, (one) => timeRoundTrip(one, kernels.get(one)!))
  for (let i = 0; i < WARM_UP + COMPLETIONS; i++) contenders = await answering(contenders, (one) => timeCompletion(one.completions, kernels.get(one)!))
  for (const { who, starts, trips, firstCompletions, completions } of contenders) {
    const cases = { 'start to ready': starts, 'first completion': firstCompletions, 'round trip of 1+n': trips.slice(WARM_UP), completion: completions.slice(WARM_UP) }
    for (const [name, times] of Object.entries(cases)) print({ bench: 'kernel', case: name, who, metric: 'time', unit: 's', ...figures(times) })
    const slow = completions.slice(WARM_UP).sort((a, b) => a - b).slice(-Math.ceil(COMPLETIONS / 10))
    print({ bench: 'kernel', case: 'completion, the slowest tenth', who, metric: 'time', unit: 's', ...figures(slow) })
  }
  await answering(contenders, (one) => kernels.get(one)!.shutdown())
}

async function timeStart({ options, starts, firstCompletions }: Contender): Promise<void> {
  const start = performance.now()
  const kernel = await KernelClient.start(options)
  starts.push((performance.now() - start) / 1000)
  await timeCompletion(firstCompletions, kernel)
  await kernel.shutdown()
}

async function timeRoundTrip({ trips }: Contender, kernel: KernelClient): Promise<void> {
  const start = performance.now()
  await kernel.execute('1+n')
  trips.push((performance.now() - start) / 1000)
}

async function timeCompletion(times: number[], kernel: KernelClient): Promise<void> {
  const code = 'n.to'
  const start = performance.now()
  await kernel.request('shell', 'complete_request', { code, cursor_pos: code.length })
  times.push((performance.now() - start) / 1000)
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
