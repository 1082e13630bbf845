import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { ClockedContender, Settings, Timing } from './contender.ts'

export interface ProcessOptions {
  /** Items that one call handles (1). */
  readonly perCall?: number
  readonly cwd?: string
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Seconds that it may take to start (120). */
  readonly startTimeout?: number
}

/**
 * A contender in a process of its own, in any language. The process writes a line `ready` when it can be timed; then, for each line with a number of
 * calls that it reads from its standard input, it makes the calls, times them by its own clock, and writes a line with the seconds that they took
 * together, which a space and the last call's result as JSON may follow. It ends when its input does. Other lines of its output are ignored before
 * `ready`, and refused after it; a line `error: ...` says what went wrong. `ready {"threads": 2}` tells settings, which are compared with the others'.
 *
 * ```python
 * print('ready', flush=True)
 * for line in sys.stdin:
 *     start = time.perf_counter()
 *     for _ in range(int(line)): work()
 *     print(time.perf_counter() - start, flush=True)
 * ```
 * @throws Error where it does not start, or ends before it is ready.
 */
export async function processContender(command: string, args: readonly string[] = [], options: ProcessOptions = {}): Promise<ProcessContender> {
  const { perCall = 1, cwd, env, startTimeout = 120 } = options
  const child = spawn(command, [...args], { ...(cwd !== undefined && { cwd }), env: { ...process.env, ...env }, stdio: 'pipe' })
  const contender = new ProcessContender(child, perCall)
  const late = setTimeout(() => child.kill('SIGKILL'), startTimeout * 1000)
  try {
    for (;;) {
      const line = await contender.line()
      if (line.startsWith(ERROR)) throw new Error(line.slice(ERROR.length))
      const [isReady, settings] = /^ready(?: (\{.*\}))?$/.exec(line.trim()) ?? []
      if (isReady === undefined) continue
      if (settings !== undefined) contender.settings = JSON.parse(settings)
      return contender
    }
  } catch (error) {
    await contender.close()
    throw new Error(`${command} was not ready to be timed: ${(error as Error).message}`, { cause: error })
  } finally {
    clearTimeout(late)
  }
}

const ERROR = 'error: '
/** Characters of the error output that a message shows. */
const SHOWN = 600

export class ProcessContender implements ClockedContender {
  readonly perCall: number
  /** What it told of itself when it was ready. */
  settings: Settings = {}
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<string>
  #stderr = ''
  #isCalled = false

  /** @internal */
  constructor(child: ChildProcessWithoutNullStreams, perCall: number) {
    this.#child = child
    this.perCall = perCall
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-SHOWN)))
    child.stdin.on('error', () => {})
    this.#ended = new Promise((resolve) => {
      child.once('error', ({ message }) => resolve(message))
      child.once('close', (code, signal) => resolve(signal ? `it was ended by ${signal}` : `it ended with exit code ${code}`))
    })
  }

  get pids(): readonly number[] {
    return this.#child.pid === undefined ? [] : [this.#child.pid]
  }

  async time(calls: number): Promise<Timing> {
    this.#isCalled = true
    this.#child.stdin.write(`${calls}\n`)
    const line = await this.line()
    this.#isCalled = false
    if (line.startsWith(ERROR)) throw new Error(line.slice(ERROR.length))
    const [, seconds, result] = /^(\S+)(?: (.*))?$/.exec(line.trim()) ?? []
    if (seconds === undefined || (Number.isNaN(Number(seconds)) && !/^nan$/i.test(seconds))) throw new Error(`it answered "${line.slice(0, 80)}", not the seconds that its calls took`)
    return { seconds: Number(seconds), result: result === undefined ? undefined : JSON.parse(result) }
  }

  /** The next line that it writes. @throws Error where it ends instead. */
  async line(): Promise<string> {
    const next = await this.#lines.next()
    if (!next.done) return next.value
    throw new Error(`${await this.#ended}${this.#stderr && `: ${this.#stderr.trim().split('\n').at(-1)}`}`)
  }

  /** A process that hangs in a call would not notice that its input ends. */
  async close(): Promise<void> {
    this.#child.stdin.end()
    const late = setTimeout(() => this.#child.kill('SIGKILL'), this.#isCalled ? 0 : 2000)
    await this.#ended
    clearTimeout(late)
  }
}
