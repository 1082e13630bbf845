import type { TypecheckMode } from '../threads.ts'

/** A command that is no TypeScript: `%name argument` on a line, `%%name argument` above a cell's body. */
export interface Magic {
  name: string
  /** One line for %lsmagic. */
  summary: string
  /** Whether what stands behind the name is TypeScript, so that it is completed and checked. */
  isCode?: boolean
  /** Answers with the value of the line. Absent: the magic has no line form. */
  line?(argument: string, context: MagicContext): unknown
  /** Answers with the value of the cell. Absent: the magic has no cell form. */
  cell?(argument: string, body: string, context: MagicContext): unknown
}

/** What a magic may ask of the kernel. */
export interface MagicContext {
  /** Every magic there is. */
  magics: Iterable<Magic>
  /** Compiles TypeScript that runs in the session, so that what it declares stays. `wrap` stands round the person's code. */
  prepare(code: string, wrap?: [before: string, after: string]): () => Promise<unknown>
  /** Says what a type error in a later cell does. */
  setTypecheck(mode: TypecheckMode): void
  /** Writes to the cell's stdout. */
  print(text: string): void
}
