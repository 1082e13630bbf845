import { readFileSync } from 'node:fs'
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
  const others = pids.map(processTime)
  return { wall: performance.now(), busy, own: others.includes(null) ? null : others.reduce<number>((sum, time) => sum + time!, (user + system) / 1000) }
}

function otherLoad(from: ProcessorTimes, to: ProcessorTimes): number | null {
  const busy = to.busy - from.busy
  if (busy <= 0 || from.own === null || to.own === null) return null
  return Math.max(0, busy - (to.own - from.own)) / (to.wall - from.wall)
}

/** Clock ticks of `/proc` are hundredths of a second on Linux. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK = 10

/** Milliseconds of processor time that a process has used; null where the system does not tell. */
function processTime(pid: number): number | null {
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return TICK * (Number(afterName[11]) + Number(afterName[12]))
  } catch {
    return null
  }
}
