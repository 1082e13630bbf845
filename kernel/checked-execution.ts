import { setTimeout as sleep } from 'node:timers/promises'
import type { CellThread } from './cell-thread.ts'
import type { Language } from './language.ts'
import type { CheckedCell } from './language/notebook.ts'
import type { Question } from './language/questions.ts'
import { log } from './log.ts'
import type { ExecuteReply, Request } from './protocol.ts'
import type { Sockets } from './sockets.ts'

/** Milliseconds that a cell which is done waits for the check of its types. A check takes a few, beside the running cell; the first takes a second, and several where the machine is busy. */
const PATIENCE_MS = 10_000

/** Runs cells on the cell thread, with their types checked meanwhile and their questions (`name?`) answered. */
export class CheckedExecution {
  readonly #cells: CellThread
  readonly #sockets: Sockets
  readonly #language: () => Promise<Language>
  readonly #shown = new WeakMap<Request, Promise<void>>()

  constructor(cells: CellThread, sockets: Sockets, language: () => Promise<Language>) {
    this.#cells = cells
    this.#sockets = sockets
    this.#language = language
  }

  async run(request: Request, count: number): Promise<ExecuteReply> {
    if (request.content.silent === true) return this.#cells.run(request, count)
    const { code, questions } = await takeQuestions(String(request.content.code))
    const refusal = this.#cells.typecheck === 'strict' ? await this.#refuse(request, code, count) : undefined
    if (refusal !== undefined) return refusal
    const checking = this.#check(code)
    const reply = await this.#cells.run({ ...request, content: { ...request.content, code } }, count)
    const shown = this.#show(checking, request, code, reply).catch((error) => log(String(error)))
    if (reply.ename !== 'Interrupted' && this.#cells.typecheck !== 'off') this.#shown.set(request, Promise.race([shown, sleep(PATIENCE_MS, undefined, { ref: false })]))
    if (reply.status === 'error') await this.shown(request)
    return questions.length === 0 ? reply : { ...reply, payload: [...(reply.payload ?? []), ...(await (await this.#language()).answer(questions))] }
  }

  /**
   * Resolves when what stands beside a cell's output is there. The next cell does not wait for it, unless this one failed and aborts it; but the reply does: front
   * ends listen to a cell no longer than it is busy, and to a busy cell not long after its reply. https://github.com/jupyter/jupyter_kernel_test/blob/main/jupyter_kernel_test/__init__.py (execute_helper)
   */
  async shown(request: Request): Promise<void> {
    await this.#shown.get(request)
  }

  async #check(code: string): Promise<CheckedCell | undefined> {
    return (await this.#language()).check(code)
  }

  /** The error that stands in for a cell that is not run because its types are wrong. */
  async #refuse({ header }: Request, code: string, count: number): Promise<ExecuteReply | undefined> {
    const checked = await this.#check(code)
    const errors = checked && (await (await this.#language()).errorsOf(checked, code, labelOf(count)))
    if (errors === undefined) return undefined
    const content = { ename: 'TypeScriptError', evalue: errors.lines[0], traceback: errors.lines }
    this.#sockets.publish('error', content, header)
    return { status: 'error', execution_count: count, ...content }
  }

  async #show(checking: Promise<CheckedCell | undefined>, { header }: Request, code: string, reply: ExecuteReply): Promise<void> {
    const language = await this.#language()
    await language.keep(checking, reply)
    const checked = await checking
    if (checked === undefined || this.#cells.typecheck === 'off') return
    const errors = await language.errorsOf(checked, code, labelOf(reply.execution_count), reply)
    if (errors !== undefined) this.#sockets.publish('display_data', { data: errors.bundle, metadata: {}, transient: {} }, header)
  }
}

/** The parser is loaded only for a cell that may hold a question. */
async function takeQuestions(code: string): Promise<{ code: string; questions: Question[] }> {
  if (!/\?\s*;?$/m.test(code)) return { code, questions: [] }
  const { rest, questions } = (await import('./language/questions.ts')).takeQuestions(code)
  return { code: rest, questions }
}

const labelOf = (count: number) => `cell ${count}`
