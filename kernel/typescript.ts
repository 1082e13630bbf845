import { transformSync as strip } from 'amaro'
import { createRequire } from 'node:module'
import type * as Esbuild from 'esbuild'
import { SourceError } from './source-error.ts'
import { readEnd } from './text-end.ts'
import { configurationOf } from './tsconfig.ts'
import { whole } from './whole.ts'

export interface JavaScript {
  code: string
  /** Source map as JSON; absent when every position is where it was. */
  map?: string
}

const JSX = /<\/|\/>/
/** What may begin JSX, or a cast. */
const TAG = /(?:^|[=(:,?&|>{[]|return)\s*<[\p{ID_Start}>]/mu
/** What is taken out of types' place does not suffice for: a decorator, a `using` declaration. Node 20 knows neither. */
const NEWER_SYNTAX = /(?:^|[\s;{}()])(?:@[\p{ID_Start}$_(]|(?:await\s+)?using\s+[\p{ID_Start}$_])/u

const require = createRequire(import.meta.url)

/** With or without JSX. */
type Dialect = 'ts' | 'tsx'

/**
 * Makes JavaScript of TypeScript. Types are blanked in place. What becomes other code is compiled with a source map: enums,
 * namespaces, parameter properties, decorators, `using` and JSX, as the tsconfig.json above the folder says.
 * A cell does not say whether it has JSX; a file's ending does. Throws a SourceError.
 */
export function toJavaScript(source: string, folder = process.cwd(), dialect?: Dialect): JavaScript {
  if (!NEWER_SYNTAX.test(source)) {
    try {
      return { code: whole(() => strip(source, { mode: 'strip-only' })).code }
    } catch (error) {
      if (dialect === undefined && (error as { code?: string }).code === 'InvalidSyntax' && TAG.test(source)) return compileTags(source, folder)
    }
  }
  return compile(source, dialect ?? (JSX.test(source) ? 'tsx' : 'ts'), folder)
}

/** Makes a CommonJS module of TypeScript. Throws a SourceError. */
export function toCommonJs(source: string, folder: string, dialect: Dialect): JavaScript {
  return compile(source, dialect, folder, 'cjs')
}

/** Without a closing tag it may be JSX that is not done, or TypeScript with a mistake elsewhere. */
function compileTags(source: string, folder: string): JavaScript {
  try {
    return compile(source, 'tsx', folder)
  } catch (asJsx) {
    if (JSX.test(source) || !(asJsx instanceof SourceError) || asJsx.incomplete) throw asJsx
    return compile(source, 'ts', folder)
  }
}

/** https://esbuild.github.io/api/#transform */
function compile(source: string, loader: Dialect, folder: string, format?: 'cjs'): JavaScript {
  const { jsx: wanted, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators, useDefineForClassFields } = configurationOf(folder)?.options ?? {}
  const jsx = wanted === 'preserve' || wanted === 'react-native' ? 'react-jsx' : wanted
  const compilerOptions = { jsx, jsxFactory, jsxFragmentFactory, jsxImportSource, experimentalDecorators, useDefineForClassFields, verbatimModuleSyntax: format === undefined }
  const options: Esbuild.TransformOptions = {
    loader,
    format,
    target: 'esnext',
    supported: { decorators: false, using: false },
    sourcemap: 'external',
    sourcesContent: false,
    charset: 'utf8',
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: compilerOptions },
  }
  try {
    return whole(() => (require('esbuild') as typeof Esbuild).transformSync(source, options))
  } catch (error) {
    const [first] = (error as { errors?: Esbuild.Message[] }).errors ?? []
    if (!first?.location) throw error
    throw sourceError(source, first.text, first.location)
  }
}

/** esbuild counts bytes. */
function sourceError(source: string, text: string, { line, column, lineText }: Esbuild.Location): SourceError {
  const before = Buffer.from(lineText).toString('utf8', 0, column)
  const offset = source.split('\n').slice(0, line - 1).join('\n').length + Math.min(line - 1, 1) + before.length
  return new SourceError(text.replace(/:$/, '.'), line, before.length, isUnfinished(source, text, offset))
}

/** Whether more text might mend the problem at a place. */
function isUnfinished(source: string, problem: string, offset: number): boolean {
  if (/end of file|terminate multi-line comment/.test(problem)) return true
  if (problem === 'Unterminated string literal') return readEnd(source).inside === 'template' || /(?<!\\)(?:\\\\)*\\\s*$/.test(source)
  // esbuild takes `(a: A): B<` for an expression as long as the return type of the arrow function is not done
  const isArrowHead = /\)\s*:/.test(source.slice(Math.max(0, offset - 1)))
  return isArrowHead && (readEnd(source).open.length > 0 || /[:<,|&]\s*$/.test(source))
}
