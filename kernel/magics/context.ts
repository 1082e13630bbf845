import { displayFor } from '../display/show.ts'
import type { Executor } from '../executor.ts'
import { RUNTIME } from '../rewrite.ts'
import type { CellRuntime } from '../runtime.ts'
import type { Position } from '../cell.ts'
import { isKernelScript } from '../stack.ts'
import { expandMagics, type Form } from './expand.ts'
import type { Library, MagicContext } from './magic.ts'

/** Evaluates an expression, as V8 knows its names, where a magic stands. */
export type Scope = (expression: string) => unknown

/** The names in an expression, but for those of members. */
const NAMES = /(?<![.\p{ID_Continue}$])[\p{ID_Start}$_][\p{ID_Continue}$]*/gu

function unknownName(name: string): never {
  throw new ReferenceError(`${name} is not defined`)
}

/** The kernel as a magic sees it whose argument stands at a place of the cell that runs now. */
export function contextFor(executor: Executor, runtime: CellRuntime, form: Form, { line, column }: Position, scope: Scope = unknownName): Omit<MagicContext, 'magics'> {
  const cell = executor.cell!
  const { code: shown, count } = cell.request

  /** What the code declares and its value is kept; the cell's own last value is not touched. */
  function prepare(code: string, [before, after]: [string, string] = ['', '']): () => Promise<unknown> {
    const lead = form === 'cell' ? `${' '.repeat(column)}${before}\n` : ' '.repeat(Math.max(0, column - before.length)) + before
    const run = executor.prepare(cell, expandMagics('\n'.repeat(line - 1) + lead + code + after, executor.isDeclared), shown)
    return async () => {
      const [value] = await run()
      cell.last = []
      return value
    }
  }

  return {
    count,
    signal: cell.handle.signal,
    history: (query) => executor.history(query),
    variables: executor.evaluator.declared,
    display: displayFor(executor),
    prepare,
    async assign(values) {
      runtime.handed = values
      await prepare(`var { ${Object.keys(values).join(', ')} } = ${RUNTIME}.handed`)()
      runtime.handed = undefined
    },
    scope: (expression) => scope(expression.replace(NAMES, (name) => executor.evaluator.nameOf(name))),
    evaluate: async (expression) => prepare(`(${expression})`)(),
    lib: async () => (await runtime.import('honejs')) as Library,
    import: (specifier) => runtime.import(specifier),
    locate(url, place) {
      const found = executor.traces.places.find(url, place)
      return found ? { name: found.name, line: found.position.line, column: found.position.column + 1 } : undefined
    },
    isHidden: isKernelScript,
    write: (name, text) => executor.write(name, text, cell),
    print: (text) => executor.write('stdout', text, cell),
    ask: (prompt) => runtime.stdin.ask(cell, prompt, false),
    autoreload: executor.loader.autoreload,
    reload: () => executor.reload('all'),
    localFile: (specifier) => executor.loader.localFile(specifier),
    packages: executor.loader.packages,
    setTypecheck: (mode) => executor.setTypecheck(mode),
    replaceCell: (text) => void cell.payload.push({ source: 'set_next_input', text, replace: true }),
    async capture(capture, run) {
      const outer = cell.capture
      cell.capture = capture
      try {
        return await run()
      } finally {
        cell.capture = outer
      }
    },
  }
}
