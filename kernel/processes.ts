import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'

/** Milliseconds that processes get to end by themselves. */
const PATIENCE_MS = 1000

/** Ends a process and all that it started: as Ctrl-C does it at first. */
export function endTree(pid: number): void {
  if (process.platform === 'win32') return void spawn('taskkill', ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore' }).on('error', () => undefined)
  const tree = treeOf(pid)
  for (const one of tree) send(one, 'SIGINT')
  setTimeout(() => tree.forEach((one) => send(one, 'SIGKILL')), PATIENCE_MS).unref()
}

/** Ends the process that the main thread started last. */
export function endNewestChild(): void {
  const newest = childrenOfMainThread().at(-1)
  if (newest !== undefined) endTree(newest)
}

/** The newest comes last. On Linux a thread's children are known; elsewhere those of the process have to do. */
function childrenOfMainThread(): number[] {
  if (process.platform === 'linux') return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return [...parents()].filter(([, parent]) => parent === process.pid).map(([pid]) => pid).sort((a, b) => a - b)
}

function treeOf(root: number): number[] {
  const all = [...parents()]
  const tree = [root]
  for (const one of tree) tree.push(...all.filter(([, parent]) => parent === one).map(([pid]) => pid))
  return tree
}

/** The parent of every process. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function parents(): Map<number, number> {
  if (process.platform !== 'linux') {
    const ps = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    const rows = ps.stdout.trim().split('\n').map((row) => row.trim().split(/\s+/).map(Number) as [number, number])
    return new Map(rows.filter(([pid]) => pid !== ps.pid))
  }
  const found = new Map<number, number>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      found.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {}
  }
  return found
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {}
}
