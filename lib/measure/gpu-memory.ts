import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const BETWEEN_LOOKS = 200
const MEBIBYTE = 2 ** 20

/**
 * Watches the memory that a process takes on NVIDIA GPUs; `end` answers the most seen in bytes, null where nvidia-smi tells nothing. In a container
 * nvidia-smi often lists no processes: then it is how much the use of all GPUs has grown, be it by whomever.
 */
export function watchGpuMemory(pid: number): { end(): Promise<number | null> } {
  let [own, grown]: (number | null)[] = [null, null]
  const stop = new AbortController()
  const done = (async () => {
    const before = await usedByAll()
    while (!stop.signal.aborted) {
      const [mine, all] = await Promise.all([usedBy(pid), usedByAll()])
      if (mine !== null) own = Math.max(own ?? 0, mine)
      if (all !== null && before !== null) grown = Math.max(grown ?? 0, all - before)
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS))
    }
  })()
  return {
    async end() {
      stop.abort()
      await done
      return own ?? grown
    },
  }
}

async function ask(query: string): Promise<string | null> {
  try {
    return (await promisify(execFile)('nvidia-smi', [query, '--format=csv,noheader,nounits'], { timeout: 5000 })).stdout
  } catch {
    return null
  }
}

const usedBy = async (pid: number) => processMemory((await ask('--query-compute-apps=pid,used_memory')) ?? '', pid)

const usedByAll = async () => totalMemory((await ask('--query-gpu=memory.used')) ?? '')

/** Bytes of a process in what nvidia-smi lists: a line `pid, MiB` for each process on each GPU. */
export function processMemory(list: string, pid: number): number | null {
  const own = list.split('\n').map((line) => line.split(',').map(Number)).filter(([owner, used]) => owner === pid && Number.isFinite(used))
  return own.length ? own.reduce((sum, [, used]) => sum + used * MEBIBYTE, 0) : null
}

/** Bytes in use on all GPUs together: a line with MiB for each. */
export function totalMemory(list: string): number | null {
  const used = list.trim().split('\n').filter(Boolean).map(Number).filter(Number.isFinite)
  return used.length ? used.reduce((sum, mebibytes) => sum + mebibytes * MEBIBYTE, 0) : null
}
