import { Session, type Runtime } from 'node:inspector'
import { Interrupted } from './native.ts'
import { RUNTIME } from './rewrite.ts'

/** A script that V8 refused to compile, although the parser took it. Line from 1, column from 0, in the script. */
export class CompileError extends Error {
  readonly line: number
  readonly column: number

  constructor(message: string, line: number, column: number) {
    super(message)
    this.line = line
    this.column = column
  }
}

/** @types/node 20 knows the protocol without `replMode`. https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#method-evaluate */
interface ReplParameters extends Runtime.EvaluateParameterType {
  replMode: boolean
}

/**
 * Evaluates scripts by this thread's own inspector in V8's REPL mode: top-level await, and `let` and `class` that a later
 * script may declare again. Posted from another thread, a termination would not be answered.
 */
export class Evaluator {
  readonly #runtime: { thrown: unknown }
  #session!: Session
  #globalId: string | undefined

  /** The runtime object is the global that scripts know as RUNTIME; a thrown value is handed over through it. */
  constructor(runtime: { thrown: unknown }) {
    this.#runtime = runtime
    this.#connect()
  }

  #connect(): void {
    this.#session = new Session()
    this.#session.connect()
    this.#session.post('Runtime.evaluate', { expression: 'globalThis' }, (_, { result }) => (this.#globalId = result.objectId))
  }

  /**
   * Lets go of scripts that will never end. V8 would answer for them when their promises are collected, and to call
   * JavaScript from within garbage collection aborts the process; a closed session is not answered.
   */
  abandon(): void {
    this.#session.disconnect()
    this.#connect()
  }

  /** Resolves when the script and what it awaits have ended. Rejects with the value that was thrown. */
  evaluate(code: string, url: string): Promise<void> {
    const expression = `${code}\n//# sourceURL=${url}`
    return new Promise((resolve, reject) => {
      const parameters: ReplParameters = { expression, replMode: true, awaitPromise: true, objectGroup: 'cell' }
      this.#session.post('Runtime.evaluate', parameters, (_, answer?: Runtime.EvaluateReturnType) => {
        if (answer === undefined) reject(new Interrupted())
        else if (answer.exceptionDetails !== undefined) reject(this.#thrownValue(answer.exceptionDetails))
        else resolve()
        this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'cell' })
      })
    })
  }

  #thrownValue({ exception, scriptId, lineNumber, columnNumber }: Runtime.ExceptionDetails): unknown {
    if (exception === undefined) return new Interrupted()
    const { objectId, value, unserializableValue } = exception
    this.#session.post('Runtime.callFunctionOn', {
      objectId: this.#globalId,
      functionDeclaration: `function (thrown) { this.${RUNTIME}.thrown = thrown }`,
      arguments: [objectId === undefined ? { value, unserializableValue } : { objectId }],
    })
    const { thrown } = this.#runtime
    this.#runtime.thrown = undefined
    const isCompileError = scriptId !== undefined && thrown instanceof SyntaxError
    return isCompileError ? new CompileError(thrown.message, lineNumber + 1, columnNumber) : thrown
  }
}
