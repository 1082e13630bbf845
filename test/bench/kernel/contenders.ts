import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { KernelClient, StartOptions } from '../../../kernel/client.ts'
import { kernelPeers, type KernelPeer } from '../peers.ts'

/** How cells say in a kernel's language what is measured. */
interface Dialect {
  /** Declares the number `n` and the list `xs`. */
  readonly declare: string
  readonly spin: string
  lines(count: number): string
  /** Shows so many characters of HTML. */
  html(length: number): string
}

/** A kernel that is measured. */
export interface Contender {
  readonly who: string
  readonly options: StartOptions
  readonly says: Dialect
  /** Interrupts the running cell, in the way that the kernel's specification asks for. */
  interrupt(kernel: KernelClient): Promise<void>
}

const ecmaScript: Omit<Dialect, 'html'> = {
  declare: 'let n = 1, xs = [1, 2, 3]',
  spin: 'for (;;) {}',
  lines: (count) => `for (let i = 0; i < ${count}; i++) console.log('line ' + i)`,
}

/** hone, Deno. */
const withSymbol: Dialect = { ...ecmaScript, html: (length) => `({ [Symbol.for('Jupyter.display')]: () => ({ 'text/plain': '', 'text/html': 'x'.repeat(${length}) }) })` }

const dialects: Readonly<Record<KernelPeer, Dialect>> = {
  ipykernel: {
    declare: 'n = 1; xs = [1, 2, 3]',
    spin: 'while True: pass',
    lines: (count) => `for i in range(${count}): print('line', i)`,
    html: (length) => `from IPython.display import HTML; HTML('x' * ${length})`,
  },
  tslab: { ...ecmaScript, html: (length) => `import * as tslab from 'tslab'; tslab.display.html('x'.repeat(${length}))` },
  deno: withSymbol,
}

/** hone, and the kernels that are set up. */
export function contenders(withPeers: boolean): Contender[] {
  const hone: Contender = { who: 'hone', options: {}, says: withSymbol, interrupt: (kernel) => kernel.interrupt() }
  const peers = withPeers ? (Object.entries(kernelPeers()) as [KernelPeer, readonly string[]][]) : []
  return [hone, ...peers.map(([who, command]): Contender => ({ who, options: { command }, says: dialects[who], interrupt: async ({ pid }) => void process.kill(pid, 'SIGINT') }))]
}

/** Resident megabytes of a kernel's process, and of those that it started. */
export async function memoryOf({ pid }: KernelClient): Promise<{ kernel: number; children: number }> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss='])
  const processes = stdout.trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const family = new Set([pid])
  for (const [id, parent] of processes) if (family.has(parent)) family.add(id)
  const megabytes = (ids: Iterable<number>) => processes.filter(([id]) => new Set(ids).has(id)).reduce((sum, [, , kilobytes]) => sum + kilobytes / 1000, 0)
  const kernel = megabytes([pid])
  return { kernel, children: megabytes(family) - kernel }
}
