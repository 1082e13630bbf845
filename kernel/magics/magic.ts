import type * as honejs from '../../lib/index.ts'
import type { Capture } from '../capture.ts'
import type { Position } from '../cell.ts'
import type { HistoryEntry, HistoryQuery } from '../history.ts'
import type { Autoreload } from '../modules/autoreload.ts'
import type { OwnMagicContext } from '../provided.ts'
import type { TypecheckMode } from '../threads.ts'

/** A magic that was asked for what it cannot do. Its message says all: no stack is shown. */
export class UsageError extends Error {
  override name = 'UsageError'

  constructor(message: string) {
    super(message)
    this.stack = `${this.name}: ${message}`
  }
}

/** A command that is no TypeScript: `%name argument` on a line, `%%name argument` above a cell's body. */
export interface Magic {
  name: string
  /** One line for %lsmagic. */
  summary: string
  /** What `%name?` shows below the summary: forms and options. */
  usage?: string
  /** What of it is TypeScript, so that it is completed and checked: the body of the cell form, or that and what stands behind the name. */
  typescript?: 'body' | 'all'
  /** Words that its argument may be, to be completed. */
  words?(): readonly string[]
  /** Answers with the value of the line. Absent: the magic has no line form. */
  line?(argument: string, context: MagicContext): unknown
  /** Answers with what `const x = %name argument` assigns, where that is not the value of the line. */
  value?(argument: string, context: MagicContext): unknown
  /** Answers with the value of the cell. Absent: the magic has no cell form. */
  cell?(argument: string, body: string, context: MagicContext): unknown
}

/** What a notebook imports as 'honejs'. */
export type Library = typeof honejs

/** What a magic may ask of the kernel. */
export interface MagicContext extends OwnMagicContext {
  /** Every magic there is. */
  magics: Iterable<Magic>
  /** Cells of this session and of earlier ones. */
  history(query: HistoryQuery): Promise<HistoryEntry[]>
  /** The names of the session's variables, also of those that hold nothing any more. */
  variables: ReadonlySet<string>
  /** Reads a variable where the command stands. Throws where there is none. */
  scope(expression: string): unknown
  /** The library, loaded when a magic needs it. */
  lib(): Promise<Library>
  /** What the person knows of a place in a script that has run. */
  locate(url: string, position: Position): { name: string; line: number; column: number } | undefined
  /** Whether a script is the kernel's own. */
  isHidden(url: string): boolean
  /** Which local files are loaded anew when they have changed. */
  autoreload: Autoreload
  /** Loads those that have changed anew, now. */
  reload(): Promise<void>
  /** The path of the local file that a specifier leads to. Throws where it leads elsewhere. */
  localFile(specifier: string): string
  /** The folders of packages that have been imported, with the versions that they had. */
  packages: ReadonlyMap<string, string | undefined>
  /** Says what a type error in a later cell does. */
  setTypecheck(mode: TypecheckMode): void
  /** Puts a text in the cell's place. */
  replaceCell(text: string): void
  /** Runs code while its outputs are taken. */
  capture<T>(capture: Capture, run: () => Promise<T>): Promise<T>
}
