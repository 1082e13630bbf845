import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Where Linux tells the energy that processors took. https://www.kernel.org/doc/html/latest/power/powercap/powercap.html */
const POWERCAP = '/sys/class/powercap'

/** A counter that runs round: microjoules now, and where it begins anew. */
interface Counter {
  readonly now: number
  readonly range: number
}

/** The counters of all processor packages; null where there is none that may be read. */
function packages(folder: string): readonly Counter[] | null {
  if (!existsSync(folder)) return null
  try {
    const found = readdirSync(folder).filter((name) => /^intel-rapl:\d+$/.test(name)).sort()
    const read = (name: string, file: string) => Number(readFileSync(join(folder, name, file), 'utf8'))
    return found.length ? found.map((name) => ({ now: read(name, 'energy_uj'), range: read(name, 'max_energy_range_uj') })) : null
  } catch {
    return null
  }
}

/** Joules that the processors take while `work` runs, all that they do at the time included; null where the machine does not tell. */
export async function processorEnergy(work: () => Promise<unknown>, folder = POWERCAP): Promise<number | null> {
  const before = packages(folder)
  await work()
  const after = before && packages(folder)
  if (!before || !after) return null
  return before.reduce((sum, { now, range }, i) => sum + (after[i]!.now >= now ? after[i]!.now - now : after[i]!.now - now + range), 0) / 1e6
}

/** Joules that NVIDIA's GPU takes while `work` runs: its power, looked at again and again, times the time; null where nvidia-smi does not tell. */
export async function gpuEnergy(work: () => Promise<unknown>): Promise<number | null> {
  const watts: number[] = []
  let over = false
  const looking = (async () => {
    do {
      const power = await gpuPower()
      if (power === null) return
      watts.push(power)
    } while (!over)
  })()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  over = true
  await looking
  return watts.length ? (watts.reduce((sum, power) => sum + power, 0) / watts.length) * seconds : null
}

async function gpuPower(): Promise<number | null> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['--query-gpu=power.draw', '--format=csv,noheader,nounits'], { timeout: 5000 })
    const watts = Number(stdout.split('\n')[0])
    return Number.isFinite(watts) ? watts : null
  } catch {
    return null
  }
}
