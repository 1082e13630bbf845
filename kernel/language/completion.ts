import { RUNTIME } from '../rewrite.ts'
import { readEnd } from '../text-end.ts'
import type { LiveValues } from './live.ts'
import { completeMagic } from './magic-words.ts'
import { maskMagics } from './mask.ts'
import { MODULE_ALIAS, toDocument } from './module.ts'
import type { NotebookModules } from './notebook.ts'
import { completePath } from './paths.ts'
import { codePoints, offsetAt, positionAt, readPlace, type Place } from './place.ts'
import type { CompletionItem } from './protocol.ts'
import type { TypeServer } from './type-server.ts'
import { ofCells } from './words.ts'

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
/** A key in brackets: `rows['na`. */
const KEY_BEFORE = /\[(?:'[^']*|"[^"]*)$/
/** What a string literal has before the cursor. */
const TEXT_BEFORE = /['"`]([^'"`\s]*)$/

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
  const magic = completeMagic(line, offset)
  if (magic !== undefined) return magic
  const before = maskMagics(code, (name) => sources.notebook.names.has(name)).slice(0, offset)
  const isTypeScript = line.trim() === '' || before.slice(offset - line.length).trim() !== ''
  if (!isTypeScript) return completePath(line, offset, /(\S*)$/) ?? { start: offset, matches: [] }
  const { inside } = readEnd(before)
  if (inside === 'comment') return { start: offset, matches: [] }
  const [typed, live] = await Promise.all([fromTypes(code, offset, sources).catch(() => undefined), fromValues(line, inside !== undefined, sources.live)])
  const path = typed?.isSilent === false || live.length > 0 ? undefined : completePath(line, offset, TEXT_BEFORE)
  if (path !== undefined) return path
  const { start, matches } = typed ?? { start: offset - NAME_BEFORE.exec(line)![0].length, matches: [] }
  const prefix = code.slice(start, offset)
  const known = new Set(matches.map(({ text }) => text))
  const hasPlace = typed?.isSilent !== true || MEMBER_BEFORE.test(line) || KEY_BEFORE.test(line)
  const added = hasPlace ? live.filter(({ text }) => text.startsWith(prefix) && !known.has(text)) : []
  return { start, matches: [...matches, ...added] }
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
    const fitting = sort(items.filter((item) => isFitting(item) && !MODULE_ALIAS.test(item.label)))
    const documented = await Promise.all(fitting.slice(0, DOCUMENTED).map((item) => server.resolve(item)))
    return { start, matches: [...documented, ...fitting.slice(DOCUMENTED)].map(matchOf), isSilent: items.length === 0 }
  })
}

/** What every function has comes after what this one has. */
const FUNCTION_MEMBERS = new Set(['apply', 'arguments', 'bind', 'call', 'caller', 'length', 'name', 'prototype', 'toString'])

function sort(items: CompletionItem[]): CompletionItem[] {
  const isFunction = ['apply', 'bind', 'caller'].every((name) => items.some(({ label }) => label === name))
  const rank = ({ label }: CompletionItem) => Number(isFunction && FUNCTION_MEMBERS.has(label))
  const order = ({ sortText, label }: CompletionItem) => sortText || label
  return items.sort((a, b) => rank(a) - rank(b) || order(a).localeCompare(order(b)) || a.label.localeCompare(b.label))
}

function matchOf({ label, kind = 1, insertText, textEdit, detail, documentation }: CompletionItem): Match {
  const described = typeof documentation === 'object' ? documentation.value : documentation
  // of a package or a keyword the server says the name again
  const signature = detail === label ? undefined : detail && ofCells(detail, label)
  const [, word] = /^(function|class|constructor|enum|interface|namespace|type)\b/.exec(signature ?? '') ?? []
  return {
    text: textEdit?.newText ?? insertText ?? label,
    type: word === undefined ? (KINDS[kind - 1] ?? 'text') : (DECLARED[word] ?? word),
    ...(signature && { signature }),
    ...(described && { documentation: ofCells(described, label) }),
  }
}

/** Words of a signature for which there are others among the kinds. */
const DECLARED: Record<string, string> = { constructor: 'class', namespace: 'module', type: 'interface' }

/** Names that have values now: those that no type tells of come this way. In a text they are keys of what stands before the bracket. */
async function fromValues(line: string, isInText: boolean, live: LiveValues): Promise<Match[]> {
  const isKey = isInText && KEY_BEFORE.test(line)
  if (isInText && !isKey) return []
  const before = isKey ? line.replace(KEY_BEFORE, '.') : line.slice(0, line.length - NAME_BEFORE.exec(line)![0].length)
  const owner = CHAIN.exec(before)?.[0].replace(/\??\.$/, '')
  if (owner === undefined && (isKey || MEMBER_BEFORE.test(line))) return []
  const names = await (owner === undefined ? live.names() : live.members(owner))
  return names.filter(({ name }) => NAME.test(name) && name !== RUNTIME && !(name in Object.prototype)).map(({ name, type }) => ({ text: name, type }))
}
