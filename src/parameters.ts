import { parse, parseExpressionAt, type Expression, type PrivateIdentifier } from 'acorn'
import { transformSync } from 'amaro'
import { textOf, type Cell, type CodeCell, type Notebook } from '../lib/report/notebook.ts'
import { codeCell } from './notebook.ts'
import { UsageError } from './usage.ts'

type Literal = string | number | boolean | null | readonly Literal[] | { readonly [name: string]: Literal }

/** A variable with a literal default in the cell tagged `parameters`. */
export interface Parameter {
  readonly name: string
  readonly value: Literal
  /** The members of a type such as `'quick' | 'standard'`. */
  readonly allowed?: readonly Literal[]
}

/** The parameters that a notebook declares. @throws UsageError where their cell cannot be read. */
export function declaredParameters(notebook: Notebook): Parameter[] {
  const cell = notebook.cells.find(isParameters)
  return cell ? declarations(textOf(cell.source)) : []
}

/** The values for `settings`, as texts from a command line. @throws UsageError for an unknown name or a value that does not fit. */
export function parsedSettings(parameters: readonly Parameter[], settings: Readonly<Record<string, string>>): Record<string, Literal> {
  return Object.fromEntries(Object.entries(settings).map(([name, text]) => [name, parsedValue(find(parameters, name), text)]))
}

/** The notebook with a cell after its parameters that sets them, as papermill does. https://papermill.readthedocs.io/en/latest/usage-parameterize.html */
export function withParameters(notebook: Notebook, values: Readonly<Record<string, Literal>>): Notebook {
  const lines = Object.entries(values).map(([name, value]) => `const ${name} = ${JSON.stringify(value)}`)
  if (lines.length === 0) return notebook
  const at = notebook.cells.findIndex(isParameters) + 1
  return { ...notebook, cells: notebook.cells.filter((cell) => !hasTag(cell, 'injected-parameters')).toSpliced(at, 0, codeCell(lines.join('\n'), ['injected-parameters'])) }
}

function hasTag(cell: Cell, tag: string): boolean {
  return cell.metadata.tags?.includes(tag) ?? false
}

function isParameters(cell: Cell): cell is CodeCell {
  return cell.cell_type === 'code' && hasTag(cell, 'parameters')
}

/** Types are blanked out in place, so positions in the JavaScript find the types in the source. */
function declarations(source: string): Parameter[] {
  try {
    const { code } = transformSync(source, { mode: 'strip-only' })
    const { body } = parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowAwaitOutsideFunction: true })
    return body
      .flatMap((statement) => (statement.type === 'VariableDeclaration' ? statement.declarations : []))
      .flatMap(({ id, init }) => {
        const value = init && literal(init)
        if (id.type !== 'Identifier' || value === undefined) return []
        return [{ name: id.name, value: value as Literal, allowed: unionMembers(source.slice(id.end, init!.start)) }]
      })
  } catch (error) {
    throw new UsageError(`The cell tagged parameters cannot be read: ${(error as Error).message}.`, { cause: error })
  }
}

/** The members of `: 'a' | 'b' =`; a union of literals reads as an expression of JavaScript, too. */
function unionMembers(annotation: string): readonly Literal[] | undefined {
  const type = /^\s*:([^]*)=\s*$/.exec(annotation)?.[1].replace(/^\s*\|/, '')
  if (!type?.includes('|')) return undefined
  const members = operands(parseExpressionAt(type, 0, { ecmaVersion: 'latest' })).map(literal)
  return members.includes(undefined) ? undefined : (members as Literal[])
}

function operands(node: Expression | PrivateIdentifier): (Expression | PrivateIdentifier)[] {
  return node.type === 'BinaryExpression' && node.operator === '|' ? [...operands(node.left), node.right] : [node]
}

/** The value of an expression that is written out in full. */
function literal(node: Expression | PrivateIdentifier): Literal | undefined {
  if (node.type === 'Literal') return node.value instanceof RegExp || typeof node.value === 'bigint' ? undefined : (node.value as Literal)
  if (node.type === 'UnaryExpression' && node.operator === '-') {
    const value = literal(node.argument)
    return typeof value === 'number' ? -value : undefined
  }
  if (node.type !== 'ArrayExpression') return undefined
  const elements = node.elements.map((element) => (element && element.type !== 'SpreadElement' ? literal(element) : undefined))
  return elements.includes(undefined) ? undefined : (elements as Literal[])
}

function find(parameters: readonly Parameter[], name: string): Parameter {
  const found = parameters.find((parameter) => parameter.name === name)
  if (found) return found
  const names = parameters.map((parameter) => parameter.name).join(', ')
  throw new UsageError(`There is no parameter ${name}; ${names ? `this notebook has ${names}` : 'this notebook has none (no cell is tagged parameters)'}.`)
}

function parsedValue({ name, value, allowed }: Parameter, text: string): Literal {
  const member = allowed?.find((candidate) => String(candidate) === text)
  if (member !== undefined) return member
  if (allowed) throw new UsageError(`${name} cannot be ${text}: it is one of ${allowed.join(', ')}.`)
  if (typeof value === 'string') return text
  const kind = Array.isArray(value) ? 'a list in JSON' : value === null ? 'a value in JSON' : `a ${typeof value}`
  try {
    const parsed = JSON.parse(text) as Literal
    if (value === null || (typeof parsed === typeof value && Array.isArray(parsed) === Array.isArray(value))) return parsed
  } catch {}
  throw new UsageError(`${name} cannot be ${text}: it is ${kind}, such as ${JSON.stringify(value)}.`)
}
