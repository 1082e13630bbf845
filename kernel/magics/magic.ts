import type * as honejs from '../../lib/index.ts'
import type { Capture } from '../capture.ts'
import type { Position } from '../cell.ts'
import type { Display } from '../display/show.ts'
import type { StreamName } from '../threads.ts'

/** A command that is no TypeScript: `%name argument` on a line, `%%name argument` above a cell's body. */
export interface Magic {
  name: string
  /** One line for %lsmagic. */
  summary: string
  /** What `%name?` shows below the summary: forms and options. */
  usage?: string
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
export interface MagicContext {
  /** Every magic there is. */
  magics: Iterable<Magic>
  /** Execution count of the cell. */
  count: number
  /** Aborts when the cell is interrupted. */
  signal: AbortSignal
  /** The source of every counted cell by its number. */
  inputs: ReadonlyMap<number, string>
  /** The names of the session's variables, also of those that hold nothing any more. */
  variables: ReadonlySet<string>
  display: Display
  /**
   * Compiles TypeScript that runs in the session, so that what it declares stays. Code is the argument in the line form and the body in the
   * cell form, where its lines are; `wrap` stands round it.
   */
  prepare(code: string, wrap?: [before: string, after: string]): () => Promise<unknown>
  /** Declares variables of the session. */
  assign(values: Record<string, unknown>): Promise<void>
  /** Reads a variable where the command stands. Throws where there is none. */
  scope(expression: string): unknown
  /** The value of an expression in the session. */
  evaluate(expression: string): Promise<unknown>
  /** The library, loaded when a magic needs it. */
  lib(): Promise<Library>
  /** Imports as the cell does. */
  import(specifier: string): Promise<unknown>
  /** What the person knows of a place in a script that has run. */
  locate(url: string, position: Position): { name: string; line: number; column: number } | undefined
  /** Whether a script is the kernel's own. */
  isHidden(url: string): boolean
  /** Writes to a stream of the cell. */
  write(name: StreamName, text: string): void
  /** Writes to the cell's stdout. */
  print(text: string): void
  /** Asks the person at the front end. */
  ask(prompt: string): Promise<string>
  /** Shows a text in the front end's pager. */
  page(text: string): void
  /** Puts a text into the input: in the cell's place, or for the next. */
  fillInput(text: string, where: 'here' | 'next'): void
  /** Runs code while its outputs are taken. */
  capture<T>(capture: Capture, run: () => Promise<T>): Promise<T>
}
