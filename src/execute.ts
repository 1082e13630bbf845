import { CellTimeout, KernelDied, type KernelClient } from '../kernel/client.ts'
import { cellName, textOf, type Cell, type CodeCell, type Notebook } from '../lib/report/notebook.ts'
import { Outputs } from './outputs.ts'
import type { RunProgress } from './progress.ts'

export interface ExecuteOptions {
  /** Seconds that one cell may take. */
  readonly timeout?: number
  /** Interrupts the running cell and ends the run. */
  readonly signal: AbortSignal
  readonly progress: RunProgress
}

/** Why a run ended before its last cell. */
export interface Stop {
  readonly interrupted: boolean
  /** One sentence that names the cell. */
  readonly message: string
  readonly traceback: readonly string[]
}

/** An interrupted cell that does not answer within this time (ms) is given up. */
const PATIENCE = 5000

/** Runs the code cells in their order, puts their outputs into the notebook, and ends at the first one that fails. */
export async function execute(notebook: Notebook, client: KernelClient, options: ExecuteOptions): Promise<Stop | undefined> {
  const outputs = new Outputs()
  const code = notebook.cells.filter((cell) => cell.cell_type === 'code')
  for (const [index, cell] of code.entries()) {
    if (textOf(cell.source).trim() === '') continue
    const name = cellName(index + 1, textOf(cell.source))
    options.progress.begin(index + 1, code.length, headingBefore(notebook.cells, cell) ?? name)
    outputs.begin(cell)
    const stop = await executeCell(cell, name, outputs, client, options)
    outputs.end()
    if (stop) return stop
  }
  return undefined
}

async function executeCell(cell: CodeCell, name: string, outputs: Outputs, client: KernelClient, options: ExecuteOptions): Promise<Stop | undefined> {
  const { timeout, signal, progress } = options
  const stop = (what: string, traceback: readonly string[] = []): Stop => ({ interrupted: signal.aborted, message: `${capitalized(name)} ${what}.`, traceback })
  try {
    const reply = await abandonable(
      client.execute(textOf(cell.source), {
        timeout,
        onOutput(message) {
          outputs.apply(message)
          progress.show(message)
        },
      }),
      client,
      signal,
    )
    cell.execution_count = reply.execution_count
    if (signal.aborted) return stop('was interrupted')
    if (reply.status === 'ok') return undefined
    return stop(`failed: ${reply.ename}: ${reply.evalue?.replace(/\.$/, '')}`, reply.traceback)
  } catch (error) {
    const stopped = stop(...reasonOf(error, timeout))
    if (!cell.outputs.some((output) => output.output_type === 'error'))
      cell.outputs.push({ output_type: 'error', ename: (error as Error).name, evalue: stopped.message, traceback: [stopped.message, ...stopped.traceback] })
    return stopped
  }
}

function reasonOf(error: unknown, timeout: number | undefined): [what: string, traceback?: readonly string[]] {
  if (error instanceof CellTimeout) return [`took longer than ${timeout} s (--timeout) and was interrupted`]
  if (error instanceof KernelDied) return [`ended the kernel: ${error.message.replace(/^The kernel died: |\.$/g, '')}`]
  if (error instanceof Unanswered) return ['was interrupted, and did not answer']
  throw error
}

class Unanswered extends Error {}

/** The reply; once the signal aborts, the cell is interrupted, and given up where it does not answer. */
async function abandonable<T>(reply: Promise<T>, client: KernelClient, signal: AbortSignal): Promise<T> {
  let giveUp: NodeJS.Timeout | undefined
  let onAbort = () => {}
  const unanswered = new Promise<never>((_, reject) => {
    onAbort = () => {
      client.interrupt().catch(reject)
      giveUp = setTimeout(() => reject(new Unanswered()), PATIENCE)
    }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([reply, unanswered])
  } finally {
    clearTimeout(giveUp)
    signal.removeEventListener('abort', onAbort)
  }
}

/** What people read just above the cell. */
function headingBefore(cells: readonly Cell[], cell: Cell): string | undefined {
  const before = cells[cells.indexOf(cell) - 1]
  if (before?.cell_type !== 'markdown') return undefined
  return textOf(before.source).match(/^#+ .*$/gm)?.at(-1)?.replace(/^#+ /, '')
}

function capitalized(text: string): string {
  return text[0].toUpperCase() + text.slice(1)
}
