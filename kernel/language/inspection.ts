import { findMagic } from '../magics/index.ts'
import { readEnd } from '../text-end.ts'
import type { Sources } from './completion.ts'
import { toDocument } from './module.ts'
import { positionAt, readPlace, type Place } from './place.ts'
import { ofCells } from './words.ts'

const NAME_BEFORE = /[\p{ID_Continue}$#]*$/u
const NAME_AFTER = /^[\p{ID_Continue}$]*/u
/** The name under the cursor with what it is a member of. */
const EXPRESSION = /(?:[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\[(?:\d+|'[^']*'|"[^"]*")\])*\??\.)*[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
/** What the language server says of a name that is not declared. */
const UNKNOWN = '```typescript\nany\n```'
const MAGIC = /^\s*%{1,2}(\w+)/

/** Content of an inspect_reply: the signature, the type and the documentation, and the value that it has now. Level 1 adds the source. */
export async function inspect(place: Place & { detail_level?: unknown }, sources: Sources): Promise<object> {
  const { code, offset } = readPlace(place)
  const markdown = await describe(code, offset, place.detail_level === 1, sources)
  if (markdown === undefined) return { status: 'ok', found: false, data: {}, metadata: {} }
  return { status: 'ok', found: true, data: { 'text/markdown': markdown, 'text/plain': plain(markdown) }, metadata: {} }
}

/** What is known of the name at an offset, or else of the function whose arguments stand there, as Markdown. */
export async function describe(code: string, offset: number, withSource: boolean, sources: Sources): Promise<string | undefined> {
  const nameEnd = offset + NAME_AFTER.exec(code.slice(offset))![0].length
  const called = readEnd(code.slice(0, offset)).open.findLast(({ type }) => type.label === '(')
  return (await describeName(code, nameEnd, withSource, sources)) ?? (called && describeName(code, called.start, withSource, sources))
}

async function describeName(code: string, end: number, withSource: boolean, sources: Sources): Promise<string | undefined> {
  const line = code.slice(code.lastIndexOf('\n', end - 1) + 1, end)
  const [written, name] = MAGIC.exec(line) ?? []
  const magic = findMagic(name ?? '')
  if (magic !== undefined && written === line) return [`\`${line.trim()}\` ${magic.summary}`, ...(magic.usage === undefined ? [] : [magic.usage])].join('\n\n')
  const expression = EXPRESSION.exec(line)?.[0]
  if (expression === undefined) return undefined
  const start = end - NAME_BEFORE.exec(line)![0].length
  const [type, value] = await Promise.all([hover(code, start, sources).catch(() => undefined), sources.live.summary(expression)])
  const source = withSource ? await sourceOf(expression, sources) : undefined
  const parts = [type, value && `Value: \`${value.replaceAll('`', "'")}\``, source && `\`\`\`typescript\n${source}\n\`\`\``].filter(Boolean)
  return parts.length > 0 ? parts.join('\n\n') : undefined
}

function hover(code: string, offset: number, { notebook, server }: Sources): Promise<string | undefined> {
  return notebook.ask(code, async (path) => {
    const answer = await server.hover(path, toDocument(positionAt(code, offset)))
    const markdown = answer?.contents.value.trim()
    return markdown === undefined || markdown === UNKNOWN ? undefined : ofCells(markdown, NAME_AFTER.exec(code.slice(offset))![0])
  })
}

async function sourceOf(expression: string, { notebook, live }: Sources): Promise<string | undefined> {
  return notebook.sourceOf(expression) ?? (await live.functionSource(expression))
}

const FENCED = /^```.*\n([^]*?)\n?```$/gm

/** Markdown as text; code keeps every character. */
export function plain(markdown: string): string {
  const parts = markdown.split(FENCED)
  const texts = parts.map((part, index) => (index % 2 === 1 ? part : part.replace(/\[([^\]]+)\]\([^)]+\)|[`*]/g, '$1')))
  return texts.join('').replace(/\n{3,}/g, '\n\n').trim()
}
