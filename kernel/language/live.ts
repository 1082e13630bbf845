import type { Runtime } from 'node:inspector'
import { withoutGuards } from '../guards.ts'
import type { CellInspector } from '../inspector.ts'
import { asTyped, internalName } from '../names.ts'
import { RUNTIME } from '../rewrite.ts'

/** Milliseconds after which a cell thread that is busy with native code is not waited for. */
const PATIENCE_MS = 30
/** The group of inspected objects that are let go after each answer. */
const OBJECTS = 'language'
/**
 * JavaScript for the names of an object's properties, and for their types. The inspector's own Runtime.getProperties aborts the process
 * where it is terminated, be it by a timeout of `vm` in the cell.
 */
const NAMES = `(function (value) {
  const names = []
  for (let object = Object(value); object !== null; object = Object.getPrototypeOf(object)) names.push(...Object.getOwnPropertyNames(object))
  return names
})`
const TYPES = `(function (value) {
  const types = Object.create(null)
  for (let object = Object(value); object !== null; object = Object.getPrototypeOf(object)) {
    for (const name of Object.getOwnPropertyNames(object)) {
      types[name] ??= typeof Object.getOwnPropertyDescriptor(object, name)?.value === 'function' ? 'function' : 'property'
    }
  }
  return types
})`

export interface LiveName {
  name: string
  type: 'function' | 'property' | 'instance'
}

/** The values of the session, as the inspector shows them; they are looked at without a side effect. */
export class LiveValues {
  readonly #inspector: CellInspector

  constructor(inspector: CellInspector) {
    this.#inspector = inspector
  }

  /** The names that cells can use; none when the cell thread cannot answer now. */
  names(): Promise<LiveName[]> {
    return inTime(this.#names(), [])
  }

  /** The members of an expression's value; none when it has no value or the cell thread cannot answer now. */
  members(expression: string): Promise<LiveName[]> {
    return inTime(this.#members(inSession(expression)), [])
  }

  /** An expression's value in a few words, as `Array(3) [1, 2, 3]`. */
  summary(expression: string): Promise<string | undefined> {
    return inTime(this.#summary(inSession(expression)), undefined)
  }

  /** The source text of a function or a class. */
  functionSource(expression: string): Promise<string | undefined> {
    return inTime(this.#functionSource(inSession(expression)), undefined)
  }

  async #names(): Promise<LiveName[]> {
    const { names } = await this.#inspector.call<{ names: string[] }>('Runtime.globalLexicalScopeNames', {})
    const variables = [...new Set(names.map(asTyped))].map((name) => ({ name, type: 'instance' as const }))
    const globals = ((await this.#evaluate(`${NAMES}(globalThis)`, { returnByValue: true }))?.value ?? []) as string[]
    return [...variables, ...globals.map((name) => ({ name, type: 'property' as const }))]
  }

  async #members(expression: string): Promise<LiveName[]> {
    const types = ((await this.#evaluate(`${TYPES}(${expression})`, { returnByValue: true }))?.value ?? {}) as Record<string, LiveName['type']>
    return Object.entries(types).map(([name, type]) => ({ name, type }))
  }

  async #summary(expression: string): Promise<string | undefined> {
    const value = await this.#evaluate(expression, { generatePreview: true })
    if (value === undefined || value.type === 'function' || value.className === 'Module') return undefined
    const shape = value.type === 'object' && value.subtype !== 'null' ? await this.#evaluate(`[(${expression}).shape ?? (${expression}).dims].flat().join(', ')`) : undefined
    return describe(value) + (shape?.value ? `, shape [${shape.value}]` : '')
  }

  async #functionSource(expression: string): Promise<string | undefined> {
    const value = await this.#evaluate(expression)
    return value?.type === 'function' ? withoutGuards(value.description ?? '', RUNTIME) : undefined
  }

  /** The value of an expression, or undefined when it throws or would change something. */
  async #evaluate(expression: string, options: Partial<Runtime.EvaluateParameterType> = {}): Promise<Runtime.RemoteObject | undefined> {
    const parameters = { expression, throwOnSideEffect: true, silent: true, timeout: PATIENCE_MS, objectGroup: OBJECTS, ...options }
    const { result, exceptionDetails } = await this.#inspector.call<Runtime.EvaluateReturnType>('Runtime.evaluate', parameters)
    if (options.returnByValue !== true) this.#inspector.call('Runtime.releaseObjectGroup', { objectGroup: OBJECTS }).catch(() => undefined)
    return exceptionDetails === undefined ? result : undefined
  }
}

/** An expression that begins with a name, which may be that of a variable that is kept apart (names.ts). */
function inSession(expression: string): string {
  return expression.replace(/^[\p{ID_Start}$_][\p{ID_Continue}$]*/u, (name) => `(typeof ${internalName(name)} === 'undefined' ? ${name} : ${internalName(name)})`)
}

/** The answer, or another when the cell thread does not give one in time. */
function inTime<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  const late = new Promise<T>((resolve) => setTimeout(resolve, PATIENCE_MS, otherwise).unref())
  return Promise.race([answer.catch(() => otherwise), late])
}

function describe({ type, subtype, description, value, preview }: Runtime.RemoteObject): string {
  if (type === 'string') return JSON.stringify(String(value).length > LONGEST ? `${String(value).slice(0, LONGEST)}…` : value)
  if (preview === undefined) return description ?? JSON.stringify(value) ?? type
  const name = description === 'Object' ? '' : `${description} `
  const isList = subtype === 'array' || subtype === 'typedarray'
  const entries = preview.entries?.map((entry) => `${entry.key === undefined ? '' : `${entry.key.description} => `}${entry.value.description}`)
  const properties = preview.properties.filter((property) => (isList ? /^\d+$/ : /^[^#]/).test(property.name))
  const parts = entries ?? properties.map((property) => (isList ? textOf(property) : `${property.name}: ${textOf(property)}`))
  const isCut = preview.overflow || parts.length > MOST
  const shown = [...parts.slice(0, MOST), ...(isCut ? ['…'] : [])].join(', ')
  const inside = shown === '' ? '' : ` ${shown} `
  return isList ? `${name}[${inside}]` : `${name}{${inside}}`
}

/** Elements, and characters of a text, that a summary shows. */
const MOST = 10
const LONGEST = 200

function textOf({ type, value }: Runtime.PropertyPreview): string {
  if (type === 'function') return 'ƒ'
  return type === 'accessor' ? '…' : String(value ?? type)
}
