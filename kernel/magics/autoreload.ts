import { relative } from 'node:path'
import type { AutoreloadMode } from '../modules/autoreload.ts'
import { UsageError, type Magic } from './magic.ts'

/** What IPython's words mean. https://ipython.readthedocs.io/en/stable/config/extensions/autoreload.html */
const MODES: Record<string, AutoreloadMode | 'now'> = { '': 'now', now: 'now', 0: 'off', off: 'off', 1: 'explicit', explicit: 'explicit', 2: 'all', all: 'all' }

export const autoreload: Magic = {
  name: 'autoreload',
  summary: 'when local files that have changed are loaded anew: before each cell (2), those of %aimport (1), never (0), now',
  usage: `%autoreload loads what has changed anew now. %autoreload 0 or off: never. %autoreload 1 or explicit: before each cell, what %aimport names. %autoreload 2 or all, as it is at first: before each cell, everything but what %aimport excepts.

A file that has changed is loaded anew with the files that import it. Names that cells have imported stand for the new code, and objects of a class that a file exports get its new methods; what else the files held in variables is made anew.`,
  words: () => Object.keys(MODES).filter((word) => word !== ''),
  async line(argument, { autoreload: state, reload }) {
    const mode = MODES[argument.trim()]
    if (mode === undefined) throw new UsageError(`%autoreload takes 0 (off), 1 (explicit), 2 (all) or nothing (now), not "${argument.trim()}".`)
    if (mode === 'now') await reload()
    else state.mode = mode
  },
}

export const aimport: Magic = {
  name: 'aimport',
  summary: 'name files that %autoreload 1 loads anew, or except some from %autoreload 2',
  usage: '%aimport ./a.ts, ./b.ts names files, %aimport -./c.ts excepts one, %aimport lists them.',
  line(argument, { autoreload: { mode, named, kept }, localFile, print }) {
    for (const word of argument.split(/[\s,]+/).filter((part) => part !== '')) {
      const isExcepted = word.startsWith('-')
      const path = localFile(isExcepted ? word.slice(1) : word)
      const [added, removed] = isExcepted ? [kept, named] : [named, kept]
      added.add(path)
      removed.delete(path)
    }
    if (argument.trim() !== '') return
    const list = (paths: Iterable<string>) => [...paths].map((path) => relative(process.cwd(), path)).join(' ')
    print(`Modules to reload:\n${mode === 'all' ? 'all-except-skipped' : list(named)}\n\nModules to skip:\n${list(kept)}\n`)
  },
}
