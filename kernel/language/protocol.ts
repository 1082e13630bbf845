/** The part of the language server protocol that is used. https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/ */

/** Both count from 0; the character in UTF-16 code units. */
export interface Position {
  line: number
  character: number
}

export interface Range {
  start: Position
  end: Position
}

export interface Location {
  uri: string
  range: Range
}

export interface CompletionItem {
  label: string
  kind?: number
  detail?: string
  sortText?: string
  filterText?: string
  insertText?: string
  textEdit?: { range: Range; newText: string }
  documentation?: string | { value: string }
}

export interface Hover {
  contents: { value: string }
}

export interface DocumentSymbol {
  name: string
  kind: number
  range: Range
  selectionRange: Range
}

export interface Diagnostic {
  range: Range
  /** 1 is an error. */
  severity: number
  code: number
  message: string
}
