import type { MimeBundle } from './display.ts'
import type { CellInspector } from './inspector.ts'
import { complete, type Sources } from './language/completion.ts'
import { listErrors, showErrors } from './language/diagnostics.ts'
import { page } from './language/help.ts'
import { inspect } from './language/inspection.ts'
import { LiveValues } from './language/live.ts'
import { NotebookModules, type CheckedCell } from './language/notebook.ts'
import type { Place } from './language/place.ts'
import type { Diagnostic } from './language/protocol.ts'
import type { Question } from './language/questions.ts'
import { TypeServer } from './language/type-server.ts'
import type { ExecuteReply } from './protocol.ts'

/** A cell whose types are wrong. */
export interface TypeErrors {
  /** For a display beside the output. */
  bundle: MimeBundle
  /** For a traceback. */
  lines: string[]
}

const CANNOT_FIND_MODULE = 2307
const CANNOT_FIND_NAME = new Set([2304, 2552, 2503, 2663, 2693])

/** Editing help from TypeScript's types and from the values of the session. It works while a cell runs, too. */
export class Language {
  readonly #sources: Sources

  /** The files are those that modules were made of. */
  constructor(inspector: CellInspector, files: ReadonlyMap<string, string>, flags: Int32Array) {
    const server = new TypeServer()
    this.#sources = { server, notebook: new NotebookModules(server, files), live: new LiveValues(inspector, flags) }
  }

  /** Content of a complete_reply. */
  complete(place: Place): Promise<object> {
    return complete(place, this.#sources)
  }

  /** Content of an inspect_reply. */
  inspect(place: Place): Promise<object> {
    return inspect(place, this.#sources)
  }

  /** Content of an is_complete_reply. */
  async isComplete(source: string): Promise<object> {
    return (await import('./language/completeness.ts')).isComplete(source)
  }

  /** Payloads that answer the questions of a cell. */
  answer(questions: Question[]): Promise<object[]> {
    return Promise.all(questions.map((question) => page(question, this.#sources)))
  }

  /** Checks the types of a cell that runs or is about to; undefined when there is no language server. */
  async check(source: string): Promise<CheckedCell | undefined> {
    return this.#sources.notebook.check(source).catch(() => undefined)
  }

  /** To be called when a cell has run: what it declares is known from now on, unless it could not be compiled. */
  async keep(checking: Promise<CheckedCell | undefined>, { ename }: ExecuteReply): Promise<void> {
    if (ename !== 'SyntaxError') await this.#sources.notebook.keep(checking)
  }

  /** What to show of a checked cell; undefined when its types are right, as far as its run did not prove TypeScript wrong. */
  async errorsOf({ errors }: CheckedCell, source: string, label: string, reply?: ExecuteReply): Promise<TypeErrors | undefined> {
    if (errors.length === 0 || reply?.ename === 'SyntaxError') return undefined
    if (reply?.ename === 'Interrupted') return undefined
    const names = errors.some(({ code }) => CANNOT_FIND_NAME.has(code)) ? new Set((await this.#sources.live.names()).map(({ name }) => name)) : new Set<string>()
    const isRefuted = ({ code, message }: Diagnostic) =>
      (code === CANNOT_FIND_MODULE && reply?.status === 'ok') || (CANNOT_FIND_NAME.has(code) && names.has(/'([^']+)'/.exec(message)?.[1] ?? ''))
    const shown = errors.filter((error) => !isRefuted(error))
    return shown.length === 0 ? undefined : { bundle: showErrors(shown, source, label), lines: listErrors(shown, source, label) }
  }
}
