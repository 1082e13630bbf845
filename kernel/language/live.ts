import type { Runtime } from 'node:inspector'
import type { CellInspector } from '../inspector.ts'

/** Milliseconds after which a cell thread that is busy with native code is not waited for. */
const PATIENCE_MS = 30
/** The group of inspected objects that are let go after each answer. */
const OBJECTS = 'language'

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
    return inTime(this.#members(expression), [])
  }

  /** An expression's value in a few words, as `Array(3) [1, 2, 3]`. */
  summary(expression: string): Promise<string | undefined> {
    return inTime(this.#summary(expression), undefined)
  }

  /** The source text of a function or a class. */
  functionSource(expression: string): Promise<string | undefined> {
    return inTime(this.#functionSource(expression), undefined)
  }

  async #names(): Promise<LiveName[]> {
    const { names } = await this.#inspector.call<{ names: string[] }>('Runtime.globalLexicalScopeNames', {})
    const variables = [...new Set(names)].map((name) => ({ name, type: 'instance' as const }))
    return [...variables, ...(await this.#members('globalThis'))]
  }

  async #members(expression: string): Promise<LiveName[]> {
    const { objectId } = (await this.#evaluate(`Object(${expression})`)) ?? {}
    if (objectId === undefined) return []
    const { result } = await this.#inspector.call<Runtime.GetPropertiesReturnType>('Runtime.getProperties', { objectId })
    this.#inspector.call('Runtime.releaseObjectGroup', { objectGroup: OBJECTS }).catch(() => undefined)
    return result.map(({ name, value }) => ({ name, type: value?.type === 'function' ? 'function' : 'property' }))
  }

  async #summary(expression: string): Promise<string | undefined> {
    const value = await this.#evaluate(expression)
    return value === undefined || value.type === 'function' ? undefined : describe(value)
  }

  async #functionSource(expression: string): Promise<string | undefined> {
    const value = await this.#evaluate(expression)
    return value?.type === 'function' ? value.description : undefined
  }

  /** The value of an expression, or undefined when it throws or would change something. */
  async #evaluate(expression: string): Promise<Runtime.RemoteObject | undefined> {
    const parameters = { expression, throwOnSideEffect: true, silent: true, generatePreview: true, timeout: PATIENCE_MS, objectGroup: OBJECTS }
    const { result, exceptionDetails } = await this.#inspector.call<Runtime.EvaluateReturnType>('Runtime.evaluate', parameters)
    return exceptionDetails === undefined ? result : undefined
  }
}

/** The answer, or another when the cell thread does not give one in time. */
function inTime<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  const late = new Promise<T>((resolve) => setTimeout(resolve, PATIENCE_MS, otherwise).unref())
  return Promise.race([answer.catch(() => otherwise), late])
}

function describe({ type, subtype, description, value, preview }: Runtime.RemoteObject): string {
  if (preview === undefined) return description ?? JSON.stringify(value) ?? type
  const name = description === 'Object' ? '' : `${description} `
  const rest = preview.overflow ? ['…'] : []
  if (subtype === 'array' || subtype === 'typedarray') {
    const elements = preview.properties.filter((property) => /^\d+$/.test(property.name)).map((property) => String(property.value))
    return `${name}[ ${[...elements, ...rest].join(', ')} ]`
  }
  const entries = preview.entries?.map((entry) => `${entry.key === undefined ? '' : `${entry.key.description} => `}${entry.value.description}`)
  const properties = preview.properties.map((property) => `${property.name}: ${property.value ?? property.type}`)
  return `${name}{ ${[...(entries ?? properties), ...rest].join(', ')} }`
}
