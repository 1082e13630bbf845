import { resolve } from 'node:path'
import { UsageError, type Magic, type MagicContext } from './magic.ts'
import { parseOptions } from './options.ts'

const OPTIONS = { output: { type: 'string', short: 'o' }, interval: { type: 'string', short: 'i' } } as const

/** Where the functions are that watch the others. */
const MEASURING = new URL('../../lib/measure/', import.meta.url).href

/** Options of the magics that watch functions: the file, the milliseconds between two looks, and how frames are named. */
export function watchOptions(argument: string, { count, locate, isHidden: isKernels }: MagicContext, ending: string) {
  const isHidden = (url: string) => isKernels(url) || url.startsWith(MEASURING)
  const { output = `cell-${count}.${ending}`, interval } = parseOptions(argument, OPTIONS).values
  if (interval !== undefined && !(Number(interval) > 0)) throw new UsageError(`-i takes milliseconds, not "${interval}".`)
  return { path: resolve(output), options: { locate, isHidden, ...(interval !== undefined && { interval: Number(interval) / 1000 }) } }
}

export const prof: Magic = {
  name: 'prof',
  typescript: 'body',
  summary: 'where the cell spends its time: functions, flame graph, .cpuprofile file',
  usage: '%%prof [-i MILLISECONDS] [-o FILE]: the stack is looked at every -i milliseconds (1); the file opens in VS Code and Chrome.',
  async cell(argument, body, context) {
    const { path, options } = watchOptions(argument, context, 'cpuprofile')
    const run = context.prepare(body)
    const { cpuProfile } = await context.lib()
    const profile = await cpuProfile(run, options)
    await profile.save(path)
    context.display(profile)
    context.print(`Written to ${path}\n`)
  },
}
