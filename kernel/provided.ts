import type { MimeBundle } from './display/bundle.ts'

/** What cells find in their scope without an import, as types. The language server reads this file for every notebook: keep it light. */

export interface DisplayOptions {
  /** Names the output, so that it can be updated later. */
  id?: string
}

/** A shown value that can be replaced where it stands. */
export interface DisplayHandle {
  readonly id: string
  /** Shows another value in its place. */
  update(value: unknown): void
}

export interface Display {
  /** Shows a value below the cell, at once. */
  (value: unknown, options?: DisplayOptions): DisplayHandle
  html(text: string, options?: DisplayOptions): DisplayHandle
  markdown(text: string, options?: DisplayOptions): DisplayHandle
  latex(text: string, options?: DisplayOptions): DisplayHandle
  svg(text: string, options?: DisplayOptions): DisplayHandle
  javascript(text: string, options?: DisplayOptions): DisplayHandle
  /** Any data as a tree to unfold. */
  json(data: object, options?: DisplayOptions): DisplayHandle
  /** The bytes of a PNG, JPEG, GIF, WebP, SVG or PDF file. */
  image(bytes: Uint8Array, options?: DisplayOptions): DisplayHandle
  /** Content of any MIME types. */
  bundle(bundle: MimeBundle, options?: DisplayOptions): DisplayHandle
}

/** What the lines that a command printed are: `const lines = !ls`. */
export interface CommandLines extends Array<string> {
  exitCode: number
  /** All lines, joined by line breaks. */
  readonly n: string
  /** All lines, joined by spaces. */
  readonly s: string
}

/** What a magic of one's own may ask of the kernel. */
export interface OwnMagicContext {
  /** Execution count of the cell. */
  readonly count: number
  /** Aborts when the cell is interrupted. */
  readonly signal: AbortSignal
  readonly display: Display
  /**
   * Compiles TypeScript that runs in the session, so that what it declares stays. Code is the argument in the line form and the body in the
   * cell form, where its lines are; `wrap` stands round it.
   */
  prepare(code: string, wrap?: [before: string, after: string]): () => Promise<unknown>
  /** Declares variables of the session. */
  assign(values: Record<string, unknown>): Promise<void>
  /** The value of an expression in the session. */
  evaluate(expression: string): Promise<unknown>
  /** Imports as the cell does. */
  import(specifier: string): Promise<unknown>
  /** Writes to a stream of the cell. */
  write(name: 'stdout' | 'stderr', text: string): void
  /** Writes to the cell's stdout. */
  print(text: string): void
  /** Asks the person at the front end. */
  ask(prompt: string): Promise<string>
}

/** A magic of one's own. `body` is undefined in the line form. Its value becomes that of the line or the cell. */
export type OwnMagic = (argument: string, body: string | undefined, context: OwnMagicContext) => unknown

/** Bytes beside a comm's data, as they are: no JSON. */
export type CommBuffer = ArrayBufferLike | ArrayBufferView

/** A message of a comm, as Jupyter's protocol has it. */
export interface CommMessage {
  content: { comm_id: string; data: any; target_name?: string }
  metadata: Record<string, unknown>
  buffers: Uint8Array[]
}

/** A channel between this session and an object in the front end. Its members are those of JupyterLab's own comms. */
export interface Comm {
  readonly commId: string
  readonly targetName: string
  readonly isOpen: boolean
  /** Called with each message of the front end. What it prints and throws belongs to that message. */
  onMsg?: (message: CommMessage) => unknown
  /** Called when the front end closes the comm. */
  onClose?: (message: CommMessage) => unknown
  /** Sends JSON, and bytes beside it. */
  send(data: object, metadata?: object, buffers?: readonly CommBuffer[]): void
  close(data?: object, metadata?: object, buffers?: readonly CommBuffer[]): void
}

/** Called when the front end opens a comm; the comm is closed where it throws. */
export type CommHandler = (comm: Comm, message: CommMessage) => unknown

/** Comms: how widgets and extensions of the front end talk with a session, both ways. */
export interface Comms {
  /** Says what happens when the front end opens a comm of the target: `hone.comms.register('chat', (comm) => { comm.onMsg = ({ content }) => comm.send(content.data) })`. */
  register(targetName: string, handler: CommHandler): void
  unregister(targetName: string): void
  /** Opens a comm to a target that the front end has registered. */
  open(targetName: string, data?: object, metadata?: object, buffers?: readonly CommBuffer[]): Comm
}

/** The globals of cells. */
export interface Globals {
  display: Display
  /** Removes the cell's outputs; with `wait`, when the next output comes. */
  clearOutput(options?: { wait?: boolean }): void
  /** Asks the person at the front end; a password is not shown. */
  input(prompt?: string, options?: { password?: boolean }): Promise<string>
  /** Asks as a browser does, holding everything else; an empty answer stands for the default. */
  prompt(message?: string, byDefault?: string, options?: { password?: boolean }): string
  /** Asks for yes or no, holding everything else. */
  confirm(message?: string): boolean
  /** Says something and waits until it is read, holding everything else. */
  alert(message?: string): void
  hone: {
    /** Adds a magic, or replaces one of the same name: `hone.magic('shout', (argument) => argument.toUpperCase())`. */
    magic(name: string, run: OwnMagic, summary?: string): void
    comms: Comms
  }
}

interface DenoDisplayOptions {
  /** The value is a bundle already. */
  raw?: boolean
  /** Replaces the output of the same display_id. */
  update?: boolean
  display_id?: string
}

type Template = (texts: TemplateStringsArray, ...values: unknown[]) => object

/** What Deno's own kernel has as `Deno`, as far as notebooks need it. https://docs.deno.com/api/deno/~/Deno.jupyter */
export interface Deno {
  jupyter: {
    $display: symbol
    html: Template
    md: Template
    svg: Template
    /** A PNG or JPEG, by its content or its path. */
    image(source: string | Uint8Array): object
    format(value: unknown): Promise<MimeBundle>
    display(value: unknown, options?: DenoDisplayOptions): Promise<void>
    broadcast(messageType: string, content: Record<string, unknown>, extra?: { metadata?: Record<string, unknown>; buffers?: Uint8Array[] }): Promise<void>
  }
}
