import { transformSync as strip } from 'amaro'
import { createRequire } from 'node:module'
import type { Message, TransformOptions } from 'esbuild'
import { SourceError } from './source-error.ts'
import { configurationOf } from './tsconfig.ts'

export interface JavaScript {
  code: string
  /** Source map as JSON; absent when every position is where it was. */
  map?: string
}

interface AmaroError {
  code: 'UnsupportedSyntax' | 'InvalidSyntax'
  message: string
  startLine: number
  startColumn: number
  endLine: number
  endColumn: number
}

const JSX = /<\/|\/>/
/** What may begin JSX, or a cast. */
const TAG = /(?:^|[=(:,?&|>{[]|return)\s*<[\p{ID_Start}>]/mu
/** What is taken out of types' place does not suffice for: a decorator, a `using` declaration. Node 20 knows neither. */
const NEWER_SYNTAX = /(?:^|[\s;{}()])(?:@[\p{ID_Start}$_(]|(?:await\s+)?using\s+[\p{ID_Start}$_])/u

const require = createRequire(import.meta.url)

/**
 * Makes JavaScript of TypeScript. Types are blanked in place. What becomes other code is compiled with a source map: enums,
 * namespaces, parameter properties, decorators, `using` and JSX, as the tsconfig.json above the folder says.
 * Throws a SourceError.
 */
export function toJavaScript(source: string, folder = process.cwd()): JavaScript {
  const loader = JSX.test(source) ? 'tsx' : 'ts'
  if (NEWER_SYNTAX.test(source)) return compile(source, loader, folder)
  try {
    return { code: strip(source, { mode: 'strip-only' }).code }
  } catch (error) {
    const { code, startLine } = error as AmaroError
    if (startLine === undefined) throw error
    if (code === 'UnsupportedSyntax') return compile(source, loader, folder)
    if (TAG.test(source)) return compile(source, 'tsx', folder)
    throw strippingError(error as AmaroError)
  }
}

function strippingError({ message, startLine, startColumn, endLine, endColumn }: AmaroError): SourceError {
  const atEnd = startLine === endLine && startColumn === endColumn
  return new SourceError(message, startLine, startColumn, atEnd || /^Unterminated (template|block comment)/.test(message))
}

/** https://esbuild.github.io/api/#transform */
function compile(source: string, loader: 'ts' | 'tsx', folder: string): JavaScript {
  const { transformSync } = require('esbuild') as typeof import('esbuild')
  const { jsx, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators, useDefineForClassFields } = configurationOf(folder)?.options ?? {}
  const compilerOptions = { jsx, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators, useDefineForClassFields, verbatimModuleSyntax: true }
  const options: TransformOptions = {
    loader,
    target: 'esnext',
    supported: { decorators: false, using: false },
    sourcemap: 'external',
    sourcesContent: false,
    charset: 'utf8',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: compilerOptions as NonNullable<Exclude<TransformOptions['tsconfigRaw'], string>>['compilerOptions'] },
  }
  try {
    return transformSync(source, options)
  } catch (error) {
    const [first] = (error as { errors?: Message[] }).errors ?? []
    if (!first?.location) throw error
    throw compilingError(first.text, first.location)
  }
}

/** esbuild counts bytes. */
function compilingError(text: string, { line, column, lineText }: NonNullable<Message['location']>): SourceError {
  const before = Buffer.from(lineText).toString('utf8', 0, column)
  return new SourceError(text, line, before.length, /end of file/.test(text))
}
