import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { pace } from './pace.ts'

/** What else went on while something was measured. */
export interface Conditions {
  /** Cores that other processes kept busy on average; null where the system does not tell. */
  readonly otherLoad: number | null
  /** The fastest core's clock in MHz, lowest and highest seen; null where the system does not tell. */
  readonly clock: { readonly low: number; readonly high: number } | null
  /** Seconds that a fixed piece of arithmetic took, at each look: what the processor itself gave. */
  readonly pace: readonly number[]
}

const BETWEEN_LOOKS = 500

/** Watches the machine from now on: `look` at it once a round. */
export function watchConditions(pids: readonly number[] = []): { look(): void; end(): Conditions } {
  const start = processorTimes(pids)
  const clocks: number[] = []
  const paces: number[] = []
  let looked = -Infinity
  const look = () => {
    paces.push(pace())
    if (performance.now() - looked < BETWEEN_LOOKS) return
    looked = performance.now()
    clocks.push(Math.max(...os.cpus().map(({ speed }) => speed)))
  }
  look()
  return {
    look,
    end: () => ({ otherLoad: otherLoad(start, processorTimes(pids)), clock: clocks.some((mhz) => mhz > 0) ? { low: Math.min(...clocks), high: Math.max(...clocks) } : null, pace: paces }),
  }
}

/** Milliseconds since some beginning. */
interface ProcessorTimes {
  readonly wall: number
  /** Of all cores together, busy with anything. */
  readonly busy: number
  /** Of this process and of the ones that belong to it; null where one of them does not tell. */
  readonly own: number | null
}

function processorTimes(pids: readonly number[]): ProcessorTimes {
  const busy = os.cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0)
  const { user, system } = process.cpuUsage()
  const others = withDescendants(pids).reduce((sum, pid) => sum + (statOf(pid)?.used ?? 0), 0)
  return { wall: performance.now(), busy, own: pids.every(statOf) ? others + (user + system) / 1000 : null }
}

function otherLoad(from: ProcessorTimes, to: ProcessorTimes): number | null {
  const busy = to.busy - from.busy
  if (busy <= 0 || from.own === null || to.own === null) return null
  return Math.max(0, busy - (to.own - from.own)) / (to.wall - from.wall)
}

/** Clock ticks of `/proc` are hundredths of a second on Linux. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK = 10

interface ProcessStat {
  readonly parent: number
  /** Milliseconds of processor time. */
  readonly used: number
}

/** What Linux tells of a process; null elsewhere, and where it has ended. */
function statOf(pid: number): ProcessStat | null {
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return { parent: Number(afterName[1]), used: TICK * (Number(afterName[11]) + Number(afterName[12])) }
  } catch {
    return null
  }
}

/** Processes, and all that they have started. */
function withDescendants(pids: readonly number[]): readonly number[] {
  if (pids.length === 0 || process.platform !== 'linux') return pids
  const everyone = readdirSync('/proc').map(Number).filter(Number.isInteger).map((pid) => [pid, statOf(pid)?.parent] as const)
  const family = new Set(pids)
  for (let size = 0; size < family.size; ) {
    size = family.size
    for (const [pid, parent] of everyone) if (parent !== undefined && family.has(parent)) family.add(pid)
  }
  return [...family]
}
