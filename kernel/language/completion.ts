import { SHELL } from '../magics/expand.ts'
import { magics } from '../magics/index.ts'
import { RUNTIME } from '../rewrite.ts'
import type { LiveValues } from './live.ts'
import { maskMagics } from './mask.ts'
import { MODULE_ALIAS, toDocument } from './module.ts'
import type { NotebookModules } from './notebook.ts'
import { completePath } from './paths.ts'
import { codePoints, offsetAt, positionAt, readPlace, type Place } from './place.ts'
import type { CompletionItem } from './protocol.ts'
import type { TypeServer } from './type-server.ts'

/** One thing that may stand where the cursor is. */
export interface Match {
  text: string
  /** What front ends choose an icon by. */
  type: string
  signature?: string
  documentation?: string
}

/** Matches that replace the text from an offset to the cursor. */
export interface Matches {
  start: number
  matches: Match[]
}

export interface Sources {
  notebook: NotebookModules
  server: TypeServer
  live: LiveValues
}

/** How many matches are shown with their documentation. */
const DOCUMENTED = 20
const NAME = /^[\p{ID_Start}$_#][\p{ID_Continue}$]*$/u
const NAME_BEFORE = /[\p{ID_Continue}$]*$/u
/** A name, or names joined by dots and literal indices, before a dot. */
const CHAIN = /(?:[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\[(?:\d+|'[^']*'|"[^"]*")\])*\??\.)+$/u
const MEMBER_BEFORE = /\.\s*[\p{ID_Continue}$]*$/u
/** What a string literal has before the cursor. */
const TEXT_BEFORE = /['"`]([^'"`\s]*)$/
const MAGIC_BEFORE = /^\s*(%{1,2})(\w*)$/

/** https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#completionItemKind */
const KINDS = `text method function constructor field variable class interface module property unit value enum keyword snippet
  color file reference folder enum-member constant struct event operator type-parameter`.split(/\s+/)

/** Content of a complete_reply. */
export async function complete(place: Place, sources: Sources): Promise<object> {
  const { code, offset } = readPlace(place)
  const { start, matches } = await find(code, offset, sources)
  const [cursor_start, cursor_end] = [codePoints(code, start), codePoints(code, offset)]
  const types = matches.map((match) => ({ start: cursor_start, end: cursor_end, ...match }))
  return { status: 'ok', matches: matches.map(({ text }) => text), cursor_start, cursor_end, metadata: { _jupyter_types_experimental: types } }
}

async function find(code: string, offset: number, sources: Sources): Promise<Matches> {
  const line = code.slice(code.lastIndexOf('\n', offset - 1) + 1, offset)
  const magic = MAGIC_BEFORE.exec(line)
  if (magic !== null) return { start: offset - magic[2].length, matches: magicNames(magic[1], magic[2]) }
  const isTypeScript = line.trim() === '' || maskMagics(code, (name) => sources.notebook.names.has(name)).slice(offset - line.length, offset).trim() !== ''
  if (!isTypeScript) return completePath(line, offset, /(\S*)$/) ?? { start: offset, matches: [] }
  const [typed, live] = await Promise.all([fromTypes(code, offset, sources).catch(() => undefined), fromValues(line, sources.live)])
  const path = typed?.isSilent === false ? undefined : completePath(line, offset, TEXT_BEFORE)
  if (path !== undefined) return path
  const { start, matches } = typed ?? { start: offset - NAME_BEFORE.exec(line)![0].length, matches: [] }
  const prefix = code.slice(start, offset)
  const known = new Set(matches.map(({ text }) => text))
  const hasPlace = typed?.isSilent !== true || MEMBER_BEFORE.test(line)
  const added = hasPlace ? live.filter(({ text }) => text.startsWith(prefix) && !known.has(text)) : []
  return { start, matches: [...matches, ...added] }
}

function magicNames(sign: string, prefix: string): Match[] {
  const named = [...magics.values()].filter(({ name, cell, line }) => name !== SHELL && name.startsWith(prefix) && (sign === '%' ? line : cell) !== undefined)
  return named.map(({ name, summary }) => ({ text: name, type: 'magic', documentation: summary }))
}

interface Typed extends Matches {
  /** TypeScript has nothing to say at the place: it is in a string or a comment, or a member of `any`. */
  isSilent: boolean
}

/** What TypeScript proposes. */
function fromTypes(code: string, offset: number, { notebook, server }: Sources): Promise<Typed> {
  return notebook.ask(code, async (path) => {
    const items = await server.complete(path, toDocument(positionAt(code, offset)))
    const prefixStart = offset - NAME_BEFORE.exec(code.slice(0, offset))![0].length
    const startOf = ({ textEdit }: CompletionItem) =>
      textEdit === undefined ? prefixStart : offsetAt(code, { ...textEdit.range.start, line: textEdit.range.start.line - 1 })
    const start = Math.min(prefixStart, ...items.slice(0, 1).map(startOf))
    const prefix = code.slice(start, offset)
    const isFitting = (item: CompletionItem) => startOf(item) === start && (item.filterText ?? item.label).startsWith(prefix)
    const fitting = items.filter((item) => isFitting(item) && !MODULE_ALIAS.test(item.label))
    fitting.sort((a, b) => order(a).localeCompare(order(b)) || a.label.localeCompare(b.label))
    const documented = await Promise.all(fitting.slice(0, DOCUMENTED).map((item) => server.resolve(item)))
    return { start, matches: [...documented, ...fitting.slice(DOCUMENTED)].map(matchOf), isSilent: items.length === 0 }
  })
}

const order = ({ sortText = '', label }: CompletionItem) => sortText || label

function matchOf({ label, kind = 1, insertText, textEdit, detail, documentation }: CompletionItem): Match {
  const described = typeof documentation === 'object' ? documentation.value : documentation
  return {
    text: textEdit?.newText ?? insertText ?? label,
    type: KINDS[kind - 1] ?? 'text',
    ...(detail === undefined ? {} : { signature: detail }),
    ...(described ? { documentation: described } : {}),
  }
}

/** Names that have values now: those that no type tells of come this way. */
async function fromValues(line: string, live: LiveValues): Promise<Match[]> {
  const owner = CHAIN.exec(line.slice(0, line.length - NAME_BEFORE.exec(line)![0].length))?.[0].replace(/\??\.$/, '')
  if (owner === undefined && MEMBER_BEFORE.test(line)) return []
  const names = await (owner === undefined ? live.names() : live.members(owner))
  return names.filter(({ name }) => NAME.test(name) && name !== RUNTIME && !(name in Object.prototype)).map(({ name, type }) => ({ text: name, type }))
}
