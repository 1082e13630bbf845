import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, locateIn, type Position } from './cell.ts'
import type { Listing } from './excerpt.ts'
import { COMPILED_FILE, compileFile } from './modules/source.ts'
import type { SessionNames } from './names.ts'

/** A script that has run. The source is what the person typed, with every line of `input` in its place. */
export interface KnownScript extends Listing {
  /** What was compiled, and what it had to do with of the session's names. */
  input: string
  session: SessionNames
}

type Locate = (position: Position) => Position | undefined

/** How many scripts are kept compiled to find places in; errors come in series from the same few. */
const KEPT = 20

/** Finds the places that the person typed of places in running scripts: cells, and imported TypeScript files. */
export class Places {
  readonly #scripts = new Map<string, KnownScript>()
  readonly #locators = new Map<string, Locate>()

  add(url: string, script: KnownScript): void {
    this.#scripts.set(url, script)
  }

  /** The newest script of a label. */
  labelled(label: string): KnownScript | undefined {
    return [...this.#scripts.values()].findLast((script) => script.label === label)
  }

  /** The name and the place to show; undefined where both are what they seem, null where a compiler put something in. */
  find(url: string, position: Position): { name: string; position: Position } | null | undefined {
    const script = this.#scripts.get(url)
    const name = script?.label ?? url.replace(/\?.*/, '')
    if (script === undefined && !COMPILED_FILE.test(name)) return undefined
    const found = this.#locator(url, script)(position)
    return found === undefined ? null : { name, position: found }
  }

  #locator(url: string, script: KnownScript | undefined): Locate {
    const locate = this.#locators.get(url) ?? (script === undefined ? fileLocator(url) : cellLocator(script))
    this.#locators.delete(url)
    this.#locators.set(url, locate)
    const [oldest] = this.#locators.keys()
    if (this.#locators.size > KEPT) this.#locators.delete(oldest)
    return locate
  }
}

/** Where a magic stands instead of what was compiled, the place is its beginning. */
function cellLocator({ input, source, session }: KnownScript): Locate {
  const { locate } = compile(input, session)
  const [compiled, typed] = [input, source].map((text) => text.split('\n'))
  return (position) => {
    const found = locate(position)
    if (found === undefined) return undefined
    const [line = '', typedLine = ''] = [compiled[found.line - 1], typed[found.line - 1]]
    return line.slice(found.column) === typedLine.slice(found.column) ? found : { ...found, column: typedLine.search(/\S|$/) }
  }
}

/** Compiled again rather than kept by the loader: an error in a file is rare, and its file is at hand. What was required has a path, not a URL. */
function fileLocator(url: string): Locate {
  try {
    const path = isAbsolute(url) ? url : fileURLToPath(url)
    const javascript = compileFile(path, readFileSync(path, 'utf8'), isAbsolute(url) ? 'commonjs' : undefined)
    return (position) => locateIn(javascript, position)
  } catch {
    return (position) => position
  }
}
