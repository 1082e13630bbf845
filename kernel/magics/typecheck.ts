import type { TypecheckMode } from '../threads.ts'
import { UsageError, type Magic } from './magic.ts'

const MODES: Record<TypecheckMode, string> = {
  on: 'Type errors are shown beside the output of their cell.',
  off: 'Type errors are not shown.',
  strict: 'A cell with a type error does not run.',
}

export const typecheck: Magic = {
  name: 'typecheck',
  summary: 'what a type error in a later cell does: on (it is shown), off, strict (the cell does not run)',
  words: () => Object.keys(MODES),
  line(argument, { print, setTypecheck }) {
    const mode = argument.trim()
    if (!Object.hasOwn(MODES, mode)) throw new UsageError(`%typecheck takes one of ${Object.keys(MODES).join(', ')}.`)
    setTypecheck(mode as TypecheckMode)
    print(`${MODES[mode as TypecheckMode]}\n`)
  },
}
