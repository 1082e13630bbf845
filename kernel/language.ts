import type { Session, Runtime } from 'node:inspector'
import { compile } from './cell.ts'
import { expandMagics, isCellMagic } from './magics/expand.ts'
import { RUNTIME } from './rewrite.ts'
import { SourceError } from './typescript.ts'

/** Milliseconds after which a cell thread inside native code is not waited for. */
const PATIENCE_MS = 100
/** The group of inspected objects that are let go after each answer. */
const OBJECTS = 'language'

type Completeness = { status: 'complete' | 'invalid' | 'unknown' } | { status: 'incomplete'; indent: string }

/** Whether a console should run the source or let the person type on. */
export function isComplete(source: string): Completeness {
  if (isCellMagic(source)) return /\n\s*$/.test(source) || !source.includes('\n') ? { status: 'complete' } : { status: 'incomplete', indent: '' }
  try {
    compile(expandMagics(source))
    return { status: 'complete' }
  } catch (error) {
    if (!(error instanceof SourceError)) return { status: 'unknown' }
    return error.incomplete ? { status: 'incomplete', indent: indentAfter(source) } : { status: 'invalid' }
  }
}

function indentAfter(source: string): string {
  const line = source.trimEnd().split('\n').at(-1) ?? ''
  const indent = /^\s*/.exec(line)![0]
  return /[([{]$/.test(line) ? `${indent}  ` : indent
}

interface Completion {
  text: string
  type: string
}

/** A name, or names joined by dots and literal indices, before the cursor. */
const CHAIN = /(?:[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\[(?:\d+|'[^']*'|"[^"]*")\])*\??\.)*$/u
const NAME_BEFORE = /[\p{ID_Continue}$]*$/u
const NAME_AFTER = /^[\p{ID_Continue}$]*/u
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** What front ends send to complete or inspect. The cursor counts code points. */
export interface Place {
  code?: unknown
  cursor_pos?: unknown
}

/** Content of a complete_reply, from the live session. The session is connected to the cell thread. */
export async function complete(session: Session, place: Place): Promise<object> {
  const { before } = split(place)
  const { name, owner } = nameBefore(before)
  const found = await withinPatience(owner === '' ? globals(session) : members(session, owner), [])
  const matches = found.filter(({ text }) => text.startsWith(name) && text !== RUNTIME && NAME.test(text))
  matches.sort((a, b) => (a.text < b.text ? -1 : 1))
  const cursor_end = [...before].length
  const cursor_start = cursor_end - [...name].length
  const types = matches.map((match) => ({ ...match, start: cursor_start, end: cursor_end }))
  const texts = matches.map(({ text }) => text)
  return { status: 'ok', matches: texts, cursor_start, cursor_end, metadata: { _jupyter_types_experimental: types } }
}

/** Content of an inspect_reply: a summary of the live value under the cursor. */
export async function inspect(session: Session, place: Place): Promise<object> {
  const { before, after } = split(place)
  const { name, owner } = nameBefore(before + NAME_AFTER.exec(after)![0])
  const expression = owner === '' ? name : `${owner}.${name}`
  const value = NAME.test(name) ? await withinPatience(evaluate(session, expression), undefined) : undefined
  const data = value === undefined ? {} : { 'text/plain': `${expression}: ${summary(value)}` }
  return { status: 'ok', found: value !== undefined, data, metadata: {} }
}

function split({ code, cursor_pos }: Place): { before: string; after: string } {
  const points = [...String(code)]
  const cursor = Number(cursor_pos ?? points.length)
  return { before: points.slice(0, cursor).join(''), after: points.slice(cursor).join('') }
}

function nameBefore(text: string): { name: string; owner: string } {
  const name = NAME_BEFORE.exec(text)![0]
  const owner = CHAIN.exec(text.slice(0, text.length - name.length))![0]
  return { name, owner: owner.replace(/\??\.$/, '') }
}

async function globals(session: Session): Promise<Completion[]> {
  const { names } = await call<{ names: string[] }>(session, 'Runtime.globalLexicalScopeNames', {})
  const variables = [...new Set(names)].map((text) => ({ text, type: 'instance' }))
  return [...variables, ...(await members(session, 'globalThis'))]
}

async function members(session: Session, expression: string): Promise<Completion[]> {
  const { objectId } = (await evaluate(session, `Object(${expression})`)) ?? {}
  if (objectId === undefined) return []
  const { result } = await call<Runtime.GetPropertiesReturnType>(session, 'Runtime.getProperties', { objectId })
  void session.post('Runtime.releaseObjectGroup', { objectGroup: OBJECTS })
  return result.map(({ name, value }) => ({ text: name, type: value?.type === 'function' ? 'function' : 'property' }))
}

/** The value of an expression, or undefined when it throws or would change something. */
async function evaluate(session: Session, expression: string): Promise<Runtime.RemoteObject | undefined> {
  const parameters = { expression, throwOnSideEffect: true, silent: true, generatePreview: true, objectGroup: OBJECTS }
  const { result, exceptionDetails } = await call<Runtime.EvaluateReturnType>(session, 'Runtime.evaluate', parameters)
  return exceptionDetails === undefined ? result : undefined
}

function call<Answer>(session: Session, method: string, parameters: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, answer) => (error === null ? resolve(answer as Answer) : reject(error)))
  })
}

/** The answer, or another when the cell thread cannot answer now or refuses. */
function withinPatience<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  const late = new Promise<T>((resolve) => setTimeout(resolve, PATIENCE_MS, otherwise).unref())
  return Promise.race([answer.catch(() => otherwise), late])
}

function summary({ type, className, description, value, preview }: Runtime.RemoteObject): string {
  if (preview === undefined) return description ?? JSON.stringify(value) ?? type
  const properties = preview.properties.map((property) => `${property.name}: ${property.value ?? property.type}`)
  return `${className ?? type} { ${properties.join(', ')}${preview.overflow ? ', …' : ''} }`
}
