import { readFileSync } from 'node:fs'
import type { Tensor } from '../../lib/graph/tensor.ts'
import { bench as time, Session } from '../../lib/index.ts'
import type { Contender } from '../../lib/measure/contender.ts'
import { processContender, type ProcessContender } from '../../lib/measure/process.ts'
import { next } from '../../lib/train/step.ts'
import { figures, printThroughput, wanted } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { networkPeers, type NetworkTask } from './peers.ts'
import { BATCH, compiled, networks, SETTINGS, taskOf, THREADS } from './training-step.ts'

const SECONDS = 40

/**
 * Samples that a training step takes in a second: lowered, beside the step as written, or beside the peers; how long the lowered step takes to compile; and, on Linux,
 * the most memory that a process which trains has held.
 */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  for (const [name, make] of wanted(networks, cases)) {
    const task = taskOf(make())
    const { batch, settings, state } = task
    const begin = performance.now()
    const session = await compiled(task)
    const toCompile = (performance.now() - begin) / 1000
    const plain = peers || task.lazyEmbeddings ? undefined : await Session.create(task.step, SETTINGS)
    const others = () => (peers ? networkPeers({ network: name as NetworkTask['network'], mode: 'train', batch: BATCH, threads: THREADS }) : {})
    const contenders: Record<string, Contender> = {
      hone: { run: () => session.run([batch]), perCall: BATCH, settings },
      ...(plain && { 'as written': { run: stepping(plain, batch, state), perCall: BATCH, settings } }),
      ...(await others()),
    }
    printThroughput(print, await time(contenders, { seconds, rest: peers ? 0.02 : 0 }), { bench: 'train', case: name, unit: 'samples/s' })
    print({ bench: 'train', case: name, who: 'hone', metric: 'time to compile', unit: 's', ...figures([toCompile]) })
    await Promise.all([session.release(), plain?.release()])
    if (process.platform !== 'linux') continue
    const alone = { hone: await processContender(process.execPath, [`${import.meta.dirname}/step-process.js`, name]), ...(await others()) }
    for (const [who, contender] of Object.entries(alone)) print({ bench: 'train', case: name, who, metric: 'peak memory of the process', unit: 'bytes', ...figures([await peakOf(contender)]) })
  }
}

/** Three steps are taken. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
async function peakOf(contender: ProcessContender): Promise<number> {
  await contender.time(3)
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${contender.pids[0]}/status`, 'utf8'))!
  await contender.close()
  return Number(kibibytes) * 1024
}

/** One step after the other on the same batch. */
function stepping(session: Session, batch: Record<string, Tensor>, state: Record<string, Tensor>): () => Promise<void> {
  return async () => {
    const results = await session.run({ ...batch, ...state })
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
  }
}
