import type { Runtime, Session } from 'node:inspector'

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
  readonly #session: Session

  /** The session is connected to the cell thread. */
  constructor(session: Session) {
    this.#session = session
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
    const { names } = await this.#call<{ names: string[] }>('Runtime.globalLexicalScopeNames', {})
    const variables = [...new Set(names)].map((name) => ({ name, type: 'instance' as const }))
    return [...variables, ...(await this.#members('globalThis'))]
  }

  async #members(expression: string): Promise<LiveName[]> {
    const { objectId } = (await this.#evaluate(`Object(${expression})`)) ?? {}
    if (objectId === undefined) return []
    const { result } = await this.#call<Runtime.GetPropertiesReturnType>('Runtime.getProperties', { objectId })
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: OBJECTS })
    return result.map(({ name, value }) => ({ name, type: value?.type === 'function' ? 'function' : 'property' }))
  }

  async #summary(expression: string): Promise<string | undefined> {
    const value = await this.#evaluate(expression)
    if (value === undefined || value.type === 'function' || value.className === 'Module') return undefined
    const shape = value.type === 'object' && value.subtype !== 'null' ? await this.#evaluate(`[(${expression}).shape ?? (${expression}).dims].flat().join(', ')`) : undefined
    return describe(value) + (shape?.value ? `, shape [${shape.value}]` : '')
  }

  async #functionSource(expression: string): Promise<string | undefined> {
    const value = await this.#evaluate(expression)
    return value?.type === 'function' ? value.description : undefined
  }

  /** The value of an expression, or undefined when it throws or would change something. */
  async #evaluate(expression: string): Promise<Runtime.RemoteObject | undefined> {
    const parameters = { expression, throwOnSideEffect: true, silent: true, generatePreview: true, objectGroup: OBJECTS }
    const { result, exceptionDetails } = await this.#call<Runtime.EvaluateReturnType>('Runtime.evaluate', parameters)
    return exceptionDetails === undefined ? result : undefined
  }

  #call<Answer>(method: string, parameters: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#session.post(method, parameters, (error, answer) => (error === null ? resolve(answer as Answer) : reject(error)))
    })
  }
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
