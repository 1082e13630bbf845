import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const BETWEEN_LOOKS = 200
const MEBIBYTE = 2 ** 20

/** Watches the memory that a process takes on NVIDIA GPUs; `end` answers the most seen in bytes, null where nvidia-smi tells nothing of it. */
export function watchGpuMemory(pid: number): { end(): Promise<number | null> } {
  let most: number | null = null
  const stop = new AbortController()
  const done = (async () => {
    while (!stop.signal.aborted) {
      const now = await usedBy(pid)
      if (now !== null) most = Math.max(most ?? 0, now)
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS))
    }
  })()
  return {
    async end() {
      stop.abort()
      await done
      return most
    },
  }
}

async function usedBy(pid: number): Promise<number | null> {
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits'], { timeout: 5000 })
    return processMemory(stdout, pid)
  } catch {
    return null
  }
}

/** Bytes of a process in what nvidia-smi lists: a line `pid, MiB` for each process on each GPU. */
export function processMemory(list: string, pid: number): number | null {
  const own = list.split('\n').map((line) => line.split(',').map(Number)).filter(([owner, used]) => owner === pid && Number.isFinite(used))
  return own.length ? own.reduce((sum, [, used]) => sum + used * MEBIBYTE, 0) : null
}
