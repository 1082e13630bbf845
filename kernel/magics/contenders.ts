import { parse, type ExpressionStatement, type Node, type Program } from 'acorn'
import { simple } from 'acorn-walk'
import { outsideFunctions } from '../scopes.ts'
import { toJavaScript } from '../typescript.ts'

/** A labelled statement of a cell: what is timed under its name. */
export interface LabelledCode {
  readonly name: string
  /** The body with nothing but the statement in it, each character where it was. */
  readonly code: string
  /** What makes a function of it. */
  readonly around: [before: string, after: string]
}

export interface Contenders {
  /** The body without its labelled statements. */
  readonly setup: string
  readonly labelled: readonly LabelledCode[]
}

/** Takes a cell's body apart: statements `name: ...` at its top, and the others. Undefined where it does not parse. */
export function contendersIn(body: string): Contenders | undefined {
  const parsed = parsedModule(body)
  if (parsed === undefined) return undefined
  const { code, program } = parsed
  const labelled: LabelledCode[] = []
  let setup = code
  for (const statement of program.body) {
    if (statement.type !== 'LabeledStatement') continue
    const { body: timed, label } = statement
    const isValue = timed.type === 'ExpressionStatement'
    const { start, end } = isValue ? (timed as ExpressionStatement).expression : timed
    const head = `(${isAsync(timed) ? 'async ' : ''}() => `
    labelled.push({ name: label.name, code: blank(code.slice(0, start)) + code.slice(start, end) + blank(code.slice(end)), around: isValue ? [`${head}(`, '\n))'] : [`${head}{`, '\n})'] })
    setup = setup.slice(0, statement.start) + blank(setup.slice(statement.start, statement.end)) + setup.slice(statement.end)
  }
  return { setup, labelled }
}

/** Types are blanked in place, so that positions are those in the body wherever that suffices. */
function parsedModule(source: string): { code: string; program: Program } | undefined {
  try {
    const { code } = toJavaScript(source)
    return { code, program: parse(code, { ecmaVersion: 'latest', sourceType: 'module' }) }
  } catch {
    return undefined
  }
}

/** Whether code awaits something itself, outside the functions in it. */
function isAsync(code: Node): boolean {
  let found = false
  simple(code, {
    AwaitExpression: () => void (found = true),
    ForOfStatement: (loop) => void (found ||= loop.await),
  }, outsideFunctions)
  return found
}

const blank = (text: string) => text.replace(/[^\n]/g, ' ')
