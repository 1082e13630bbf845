import type { Expression, Program } from 'acorn'
import { simple } from 'acorn-walk'
import type { MagicString } from 'magic-string'
import { referencesTo } from './references.ts'
import { outsideFunctions } from './scopes.ts'

/** What a cell has to know of the names of the session that it runs in. */
export interface SessionNames {
  /** The variables that are kept apart from what modules see under their names. */
  readonly apart: ReadonlySet<string>
  readonly constants: ReadonlySet<string>
  /** Whether a new variable of that name is to be kept apart. */
  isTaken(name: string): boolean
}

export const NO_NAMES: SessionNames = { apart: new Set(), constants: new Set(), isTaken: () => false }

/** Marks the variables that are kept apart. */
const APART = '$hone'

/** The name by which a variable that is kept apart is known to V8. */
export function internalName(name: string): string {
  return name + APART
}

/** A text of V8's with the names that the person typed. */
export function asTyped(text: string): string {
  return text.replaceAll(APART, '')
}

/** The names by which libraries tell whether they run in a browser or elsewhere. A variable of a cell must not mislead them. */
const TELLING = new Set(
  `window self document location navigator localStorage indexedDB XMLHttpRequest HTMLElement HTMLCanvasElement HTMLImageElement HTMLVideoElement ImageData
  OffscreenCanvas importScripts WorkerGlobalScope define module exports require __dirname __filename Deno Bun EdgeRuntime WeixinJSBridge`.split(/\s+/),
)

/** Whether modules see something else under a name. They share the scope of scripts with cells, where a variable would hide it from them. */
export function meansElsewhere(name: string): boolean {
  return name in globalThis || TELLING.has(name)
}

/** What a cell declares at its top. */
export interface Declared {
  names: ReadonlySet<string>
  /** Those of them that cannot be assigned to. */
  constants: ReadonlySet<string>
}

/**
 * Gives variables that have names of globals other ones, so that `const process = 1` hides nothing from modules; and has assignments to
 * constants throw, which are variables to V8, for a later cell may declare them anew. To be called when the guards are in the text.
 * Answers with those of the session's names that the cell has to do with.
 */
export function separate(program: Program, text: MagicString, declared: Declared, session: SessionNames, runtime: string): SessionNames {
  const isUsed = (name: string) => text.original.includes(name)
  const apart = new Set([...session.apart].filter(isUsed))
  for (const name of declared.names) if (session.isTaken(name)) apart.add(name)
  const earlier = new Set([...session.constants].filter((name) => isUsed(name) && !declared.names.has(name)))
  const isConstant = (name: string) => earlier.has(name) || declared.constants.has(name)
  for (const { node, isAssigned, isShorthand } of referencesTo(new Set([...apart, ...earlier, ...declared.constants]), program)) {
    const { name, start, end } = node
    const variable = apart.has(name) ? internalName(name) : name
    const [before, after] = isAssigned && isConstant(name) ? [`${runtime}.constant(`, '/*hone*/).value'] : ['', '']
    if (!isShorthand) text.appendRight(start, before).prependLeft(end, variable.slice(name.length) + after)
    else if (variable !== name || before !== '') text.update(start, end, `${name}: ${before}${variable}${after}`)
  }
  if (apart.size > 0) keepFunctionNames(program, text, apart)
  return apart.size + earlier.size === 0 ? NO_NAMES : { apart, constants: earlier, isTaken: NO_NAMES.isTaken }
}

/** V8 calls `const fetch = () => {}` by the name of the variable. */
function keepFunctionNames(program: Program, text: MagicString, apart: ReadonlySet<string>): void {
  const isAnonymous = ({ type, id }: Expression & { id?: unknown }) => type === 'ArrowFunctionExpression' || (/^(?:Function|Class)Expression$/.test(type) && !id)
  simple(
    program,
    {
      VariableDeclarator({ id, init }) {
        if (id.type !== 'Identifier' || !init || !apart.has(id.name) || !isAnonymous(init)) return
        text.prependRight(init.start, `({ ${id.name}: `).appendLeft(init.end, ` }).${id.name}`)
      },
    },
    outsideFunctions,
  )
}
