import { readFileSync } from 'node:fs'
import { kernelEnvironment } from '../../kernel/command.ts'
import { bench as time } from '../../lib/index.ts'
import { processContender, type ProcessContender } from '../../lib/measure/process.ts'
import { figures, printThroughput, wanted } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { networkPeers, type NetworkTask } from './peers.ts'
import { BATCH, compiled, networks, taskOf, THREADS, type FORMS } from './training-step.ts'

const SECONDS = 40

/**
 * Samples that a training step takes in a second: lowered, beside the step as written, or beside the peers, each in a process of its own, hone's with the environment
 * that the kernel has; how long the lowered step takes to compile; and, on Linux, the most memory that such a process has held.
 */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  for (const [name, make] of wanted(networks, cases)) {
    const task = taskOf(make())
    const own = (form: keyof typeof FORMS) => processContender(process.execPath, [`${import.meta.dirname}/step-process.js`, name, form], { perCall: BATCH, env: kernelEnvironment })
    const contenders = async (): Promise<Record<string, ProcessContender>> => ({
      hone: await own('lowered'),
      ...(peers ? await networkPeers({ network: name as NetworkTask['network'], mode: 'train', batch: BATCH, threads: THREADS }) : !task.lazyEmbeddings && { 'as written': await own('as written') }),
    })
    printThroughput(print, await time(await contenders(), { seconds, rest: peers ? 0.02 : 0 }), { bench: 'train', case: name, unit: 'samples/s' })
    const begin = performance.now()
    const session = await compiled(task)
    print({ bench: 'train', case: name, who: 'hone', metric: 'time to compile', unit: 's', ...figures([(performance.now() - begin) / 1000]) })
    await session.release()
    if (process.platform !== 'linux') continue
    for (const [who, contender] of Object.entries(await contenders())) print({ bench: 'train', case: name, who, metric: 'peak memory of the process', unit: 'bytes', ...figures([await peakOf(contender)]) })
  }
}

/** Three steps are taken. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
async function peakOf(contender: ProcessContender): Promise<number> {
  await contender.time(3)
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${contender.pids[0]}/status`, 'utf8'))!
  await contender.close()
  return Number(kibibytes) * 1024
}
