import { spawn, type ChildProcess } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { typeScriptProgram } from '../tsconfig.ts'
import { JsonRpcConnection } from './json-rpc.ts'
import type { CompletionItem, Diagnostic, DocumentSymbol, Hover, Location, Position } from './protocol.ts'
import type { FileChange } from './watched.ts'

/** The name under which a folder's project is looked for: it must not be that of a real file. */
export const PROJECT_FILE = '.hone.tsconfig.json'

/** A name that a document declares, as the server's semantic tokens tell it. */
export interface DeclarationToken {
  line: number
  character: number
  /** Not at the top of the document. */
  isLocal: boolean
  /** A variable that may be assigned again. */
  isAssignable: boolean
}

/** What the tokens are asked for; the server numbers them in its own order. */
const TOKEN_TYPES = ['namespace', 'class', 'enum', 'interface', 'type', 'variable', 'function']
const TOKEN_MODIFIERS = ['declaration', 'readonly', 'local']

const CAPABILITIES = {
  textDocument: {
    completion: { completionItem: { documentationFormat: ['markdown'] } },
    hover: { contentFormat: ['markdown'] },
    diagnostic: {},
    documentSymbol: { hierarchicalDocumentSymbolSupport: true },
    semanticTokens: { requests: { full: true }, formats: ['relative'], tokenTypes: TOKEN_TYPES, tokenModifiers: TOKEN_MODIFIERS },
  },
  workspace: { configuration: true },
}
const SETTINGS: Record<string, object> = { 'js/ts': { customConfigFileName: PROJECT_FILE, suggest: { autoImports: false } } }

interface Initialized {
  capabilities: { semanticTokensProvider: { legend: { tokenTypes: string[]; tokenModifiers: string[] } } }
}

/**
 * TypeScript's own language server, a process that is started at the first question. Documents exist in it alone, under the
 * paths of files that need not exist. When the process dies, the next question starts another with the same documents.
 */
export class TypeServer {
  readonly #documents = new Map<string, string>()
  #version = 0
  #starting: Promise<JsonRpcConnection> | undefined
  #connection: JsonRpcConnection | undefined
  #process: ChildProcess | undefined
  #legend = { tokenTypes: [] as string[], tokenModifiers: [] as string[] }

  /** Opens a document, or replaces its text. */
  write(path: string, text: string): void {
    const isOpen = this.#documents.has(path)
    if (isOpen && this.#documents.get(path) === text) return
    this.#documents.set(path, text)
    if (!isOpen) return this.#notify('didOpen', openParameters(path, text))
    this.#notify('didChange', { textDocument: { uri: uriOf(path), version: ++this.#version }, contentChanges: [{ text }] })
  }

  close(path: string): void {
    if (this.#documents.delete(path)) this.#notify('didClose', { textDocument: { uri: uriOf(path) } })
  }

  /** Tells of files on the disk that have changed. */
  filesChanged(changes: FileChange[]): void {
    if (changes.length > 0) this.#connection?.notify('workspace/didChangeWatchedFiles', { changes: changes.map(({ path, type }) => ({ uri: uriOf(path), type })) })
  }

  async complete(path: string, position: Position): Promise<CompletionItem[]> {
    const answer = await this.#ask<{ items: CompletionItem[] } | null>('completion', { ...at(path), position })
    return answer?.items ?? []
  }

  /** The item with its signature and documentation. */
  async resolve(item: CompletionItem): Promise<CompletionItem> {
    return (await this.#connect()).request<CompletionItem>('completionItem/resolve', item)
  }

  hover(path: string, position: Position): Promise<Hover | null> {
    return this.#ask('hover', { ...at(path), position })
  }

  async definitions(path: string, position: Position): Promise<Location[]> {
    const answer = await this.#ask<Location[] | Location | null>('definition', { ...at(path), position })
    return answer === null ? [] : [answer].flat()
  }

  async symbols(path: string): Promise<DocumentSymbol[]> {
    return (await this.#ask<DocumentSymbol[] | null>('documentSymbol', at(path))) ?? []
  }

  async diagnostics(path: string): Promise<Diagnostic[]> {
    return (await this.#ask<{ items: Diagnostic[] }>('diagnostic', at(path))).items
  }

  async declarations(path: string): Promise<DeclarationToken[]> {
    const { data } = (await this.#ask<{ data: number[] } | null>('semanticTokens/full', at(path))) ?? { data: [] }
    return this.#decodeTokens(data)
  }

  /** Ends the process; the next question starts another. */
  stop(): void {
    this.#process?.kill()
    this.#lose(this.#process)
  }

  #lose(server: ChildProcess | undefined): void {
    if (server !== this.#process) return
    this.#starting = undefined
    this.#connection = undefined
  }

  /** https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#textDocument_semanticTokens */
  #decodeTokens(data: number[]): DeclarationToken[] {
    const tokens: DeclarationToken[] = []
    let line = 0
    let character = 0
    for (let i = 0; i < data.length; i += 5) {
      const [lines, characters, , type, bits] = data.slice(i, i + 5)
      character = lines === 0 ? character + characters : characters
      line += lines
      const has = (modifier: string) => ((bits >> this.#legend.tokenModifiers.indexOf(modifier)) & 1) === 1
      const isAssignable = this.#legend.tokenTypes[type] === 'variable' && !has('readonly')
      if (has('declaration')) tokens.push({ line, character, isLocal: has('local'), isAssignable })
    }
    return tokens
  }

  async #ask<Result>(feature: string, parameters: object): Promise<Result> {
    return (await this.#connect()).request<Result>(`textDocument/${feature}`, parameters)
  }

  /** A server that has not started yet is given all documents when it has. */
  #notify(event: string, parameters: object): void {
    this.#connection?.notify(`textDocument/${event}`, parameters)
  }

  #connect(): Promise<JsonRpcConnection> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<JsonRpcConnection> {
    const server = spawn(typeScriptProgram(), ['--lsp', '--stdio'], { stdio: ['pipe', 'pipe', 'ignore'] })
    this.#process = server
    const connection = new JsonRpcConnection(server.stdout, server.stdin, (method, params) => answerServer(method, params))
    const lose = (reason: Error) => {
      this.#lose(server)
      connection.lose(reason)
    }
    server.on('error', lose)
    server.stdin.on('error', ignore)
    server.on('exit', () => lose(new Error("TypeScript's language server ended.")))
    const options = { processId: process.pid, rootUri: null, capabilities: CAPABILITIES, initializationOptions: { disablePushDiagnostics: true } }
    const { capabilities } = await connection.request<Initialized>('initialize', options)
    this.#legend = capabilities.semanticTokensProvider.legend
    connection.notify('initialized', {})
    await applySettings(connection)
    for (const [path, text] of this.#documents) connection.notify('textDocument/didOpen', openParameters(path, text))
    this.#connection = connection
    return connection
  }
}

/** The server heeds its settings from the first question on, whatever it is about; documents opened before that would load the folder's own project. */
async function applySettings(connection: JsonRpcConnection): Promise<void> {
  await connection.request('textDocument/documentSymbol', at(join(homedir(), 'nothing.ts'))).catch(ignore)
}

function answerServer(method: string, params: Record<string, unknown>): unknown {
  if (method !== 'workspace/configuration') return null
  return (params.items as { section: string }[]).map(({ section }) => SETTINGS[section] ?? null)
}

function openParameters(path: string, text: string): object {
  const languageId = path.endsWith('.json') ? 'json' : path.endsWith('.tsx') ? 'typescriptreact' : 'typescript'
  return { textDocument: { uri: uriOf(path), languageId, version: 0, text } }
}

const at = (path: string) => ({ textDocument: { uri: uriOf(path) } })
const uriOf = (path: string) => pathToFileURL(path).href
const ignore = () => undefined
