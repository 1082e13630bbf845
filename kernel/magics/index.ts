import { didYouMean } from '../near.ts'
import { aimport, autoreload } from './autoreload.ts'
import { bench } from './bench.ts'
import { capture } from './capture.ts'
import { config } from './config.ts'
import { device, gpu } from './device.ts'
import { SHELL, type Form } from './expand.ts'
import { cd, load, ls, pwd, run, writefile } from './files.ts'
import { history } from './history.ts'
import { lsmagic } from './lsmagic.ts'
import { UsageError, type Magic, type MagicContext } from './magic.ts'
import { mem } from './memory.ts'
import { npm } from './npm.ts'
import { ops } from './ops.ts'
import { ownMagics } from './own.ts'
import { prof } from './profile.ts'
import { env, reset, who, whos } from './session.ts'
import { bash, python, sh, shell } from './shell.ts'
import { html, javascript, latex, markdown, svg } from './text.ts'
import { time, timeit } from './time.ts'
import { trace } from './trace.ts'
import { typecheck } from './typecheck.ts'

const provided = [
  lsmagic, time, timeit, bench, ops, prof, mem, trace, device, gpu, who, whos, reset, history, env, config, typecheck, autoreload, aimport, load, run, writefile, pwd, cd, ls, npm,
  shell, bash, sh, python, html, markdown, svg, latex, javascript, capture,
]

const magics: ReadonlyMap<string, Magic> = new Map<string, Magic>(provided.map((magic) => [magic.name, magic]))

/** Every magic there is, a person's own too. */
export function everyMagic(): ReadonlyMap<string, Magic> {
  return new Map([...magics, ...ownMagics])
}

export function findMagic(name: string): Magic | undefined {
  return ownMagics.get(name) ?? magics.get(name)
}

/** Runs a magic. Throws a UsageError that names near magics when there is none of that name. */
export function runMagic(form: Form, name: string, texts: string[], session: Omit<MagicContext, 'magics'>): unknown {
  const magic = findMagic(name)
  const [argument, body = ''] = texts
  const context = { ...session, magics: everyMagic().values() }
  if (form === 'cell' && magic?.cell !== undefined) return magic.cell(argument, body, context)
  if (form === 'value' && magic?.value !== undefined) return magic.value(argument, context)
  if (form !== 'cell' && magic?.line !== undefined) return magic.line(argument, context)
  const [sign, other] = form === 'cell' ? ['%%', '%'] : ['%', '%%']
  if (magic !== undefined) throw new UsageError(`${sign}${name} is not a magic, but ${other}${name} is.`)
  const known = [...everyMagic().values()].filter(({ name, line, cell }) => name !== SHELL && (form === 'cell' ? cell : line) !== undefined)
  throw new UsageError(`${sign}${name} is not a magic.${didYouMean(name, known.map((near) => near.name), sign) || ' %lsmagic lists them.'}`)
}
