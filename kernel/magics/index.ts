import { capture } from './capture.ts'
import { config } from './config.ts'
import { device, gpu } from './device.ts'
import type { Form } from './expand.ts'
import { cd, load, ls, pwd, run, writefile } from './files.ts'
import { history } from './history.ts'
import { lsmagic } from './lsmagic.ts'
import type { Magic, MagicContext } from './magic.ts'
import { mem } from './memory.ts'
import { npm } from './npm.ts'
import { ownMagics } from './own.ts'
import { prof } from './profile.ts'
import { env, reset, who, whos } from './session.ts'
import { bash, shell } from './shell.ts'
import { html, javascript, latex, markdown, svg } from './text.ts'
import { time, timeit } from './time.ts'
import { trace } from './trace.ts'
import { typecheck } from './typecheck.ts'

const provided = [
  lsmagic, time, timeit, prof, mem, trace, device, gpu, who, whos, reset, history, env, config, typecheck, load, run, writefile, pwd, cd, ls, npm,
  shell, bash, html, markdown, svg, latex, javascript, capture,
]

/** Every magic that the kernel provides, by its name. */
export const magics: ReadonlyMap<string, Magic> = new Map<string, Magic>(provided.map((magic) => [magic.name, magic]))

/** Runs a magic. Throws an Error that names near magics when there is none of that name. */
export function runMagic(form: Form, name: string, texts: string[], session: Omit<MagicContext, 'magics'>): unknown {
  const all = new Map([...magics, ...ownMagics])
  const magic = all.get(name)
  const sign = form === 'cell' ? '%%' : '%'
  if (magic === undefined) {
    const near = [...all.keys()].filter((known) => distance(known, name) <= 2).map((known) => sign + known)
    throw new Error(`${sign}${name} is not a magic. ${near.length > 0 ? `Did you mean ${near.join(' or ')}?` : '%lsmagic lists them.'}`)
  }
  const [argument, body = ''] = texts
  const context = { ...session, magics: all.values() }
  if (form === 'cell' && magic.cell !== undefined) return magic.cell(argument, body, context)
  if (form === 'value' && magic.value !== undefined) return magic.value(argument, context)
  if (form !== 'cell' && magic.line !== undefined) return magic.line(argument, context)
  throw new Error(`${sign}${name} is not a magic, but ${form === 'cell' ? '%' : '%%'}${name} is.`)
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    previous = current
  }
  return previous[b.length]
}
