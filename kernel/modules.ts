import * as module from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CELL_PARENT } from './hooks.ts'
import { Flag } from './threads.ts'

type SynchronousHooks = { registerHooks?: (hooks: object) => void }

/** Imports modules for cells. The hooks are put in place at the first import. */
export class ModuleLoader {
  readonly #flags: Int32Array
  #hooks: Promise<void> | undefined

  constructor(flags: Int32Array) {
    this.#flags = flags
  }

  /** What `import(specifier)` in a cell does. */
  import(specifier: string, options?: ImportCallOptions): Promise<unknown> {
    return this.whole(async () => {
      await (this.#hooks ??= registerHooks())
      return import(`${CELL_PARENT}${specifier}`, options)
    })
  }

  /** Loads modules. Meanwhile an interrupt does not terminate: half a module would stay. */
  async whole<T>(load: () => Promise<T>): Promise<T> {
    Atomics.add(this.#flags, Flag.whole, 1)
    try {
      return await load()
    } finally {
      Atomics.sub(this.#flags, Flag.whole, 1)
    }
  }
}

async function registerHooks(): Promise<void> {
  const { registerHooks: registerSynchronously } = module as SynchronousHooks
  if (registerSynchronously === undefined) module.register('./hooks.js', import.meta.url)
  else registerSynchronously(await import('./hooks.ts'))
}

/** `import.meta` of a cell: that of a file in the notebook's folder. */
export const cellMeta = {
  get url() {
    return pathToFileURL(join(process.cwd(), 'notebook.ts')).href
  },
  get dirname() {
    return process.cwd()
  },
  get filename() {
    return join(process.cwd(), 'notebook.ts')
  },
}
