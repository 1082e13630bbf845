import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Evaluator } from './evaluator.ts'
import { Autoreload, type AutoreloadMode } from './modules/autoreload.ts'
import { explained, missingExport } from './modules/errors.ts'
import { LocalFiles } from './modules/files.ts'
import { CELL, VERSION } from './modules/hooks.ts'
import { ImportedNames, isExported, valueOf, type Imported } from './modules/names.ts'
import { register } from './modules/register.ts'
import { cellRequire } from './modules/require.ts'
import { isLocal, notebookFile } from './modules/resolution.ts'
import { upgradeClasses } from './modules/upgrade.ts'
import { compileInWorkers } from './modules/workers.ts'
import type { NameUse } from './rewrite.ts'
import { Flag } from './threads.ts'
import { whole } from './whole.ts'

/** The names of an import statement, each with the name of the export, what assigns it, and where it is used. */
export type Names = Record<string, [exported: string, assign: (value: unknown) => void, use: NameUse]>

/** Files that could not be loaded anew, for the same reason. */
export interface ReloadFailure {
  paths: string[]
  error: unknown
}

const { cache } = createRequire(import.meta.url)

/** Imports modules for cells, and loads a person's own files anew when they have changed. */
export class ModuleLoader {
  readonly autoreload = new Autoreload()
  readonly names = new ImportedNames()
  readonly #flags: Int32Array
  readonly #files: LocalFiles
  #hooksPort: MessagePort | undefined
  #require: NodeJS.Require | undefined
  /** What is being loaded, with what it was imported as. */
  readonly #loads = new Map<object, string | undefined>()
  /** What cells have imported, by its URL. */
  readonly #imported = new Map<string, Imported>()

  /** `notice` is told of each local file that is read. */
  constructor(flags: Int32Array, notice: (path: string, stamp: string) => void) {
    const { port1, port2 } = new MessageChannel()
    this.#flags = flags
    this.#files = new LocalFiles(port1, notice)
    this.#hooksPort = port2
  }

  /** What `import(specifier)` in a cell does. */
  async import(specifier: string, options?: ImportCallOptions): Promise<unknown> {
    return (await this.#load(specifier, options)).namespace
  }

  /** What an import statement in a cell does. */
  async bind(specifier: string, options: ImportCallOptions | undefined, names: Names, evaluator: Evaluator): Promise<void> {
    const imported = await this.#load(specifier, options)
    for (const [exported, , use] of Object.values(names)) {
      if (use === 'here' && !isExported(imported, exported)) throw missingExport(exported, imported, specifier)
    }
    for (const [name, [exported, assign, use]] of Object.entries(names)) {
      const read = () => valueOf(imported, exported)
      if (use === 'compiler') assign(read())
      else if (!this.#isMutable(imported, exported) || !evaluator.link(name, read)) {
        evaluator.declare([name])
        this.names.bind(name, imported, exported, assign)
      }
    }
  }

  /** The folders of packages that have been imported, with the versions that they had. */
  get packages(): ReadonlyMap<string, string | undefined> {
    return this.#files.packages
  }

  /** `require` of cells. */
  get require(): NodeJS.Require {
    this.#register()
    this.#require ??= cellRequire((path, work) => {
      const end = this.#begin()
      try {
        return work()
      } finally {
        end()
        this.#files.observeCommonJs(path)
      }
    })
    return this.#require
  }

  /** `import.meta` of a cell: that of a file in the notebook's folder. */
  readonly meta = {
    get url() {
      return pathToFileURL(notebookFile()).href
    },
    get dirname() {
      return dirname(notebookFile())
    },
    get filename() {
      return notebookFile()
    },
    resolve: (specifier: string) => this.#resolve(specifier),
  }

  /**
   * Loads files anew that have changed, with the files that import them, and gives the names that cells have imported their new
   * values. Where that fails, the old ones stay.
   */
  async reload(mode?: AutoreloadMode): Promise<ReloadFailure[]> {
    const changed = this.#files.changed().filter((path) => this.autoreload.isWanted(path, mode))
    const failures = changed.length === 0 ? [] : await this.#reload(this.#files.dependents(changed, this.autoreload.kept))
    this.names.refresh()
    return failures
  }

  async #reload(outdated: ReadonlySet<string>): Promise<ReloadFailure[]> {
    const failures = new Map<string, ReloadFailure>()
    this.#files.outdate(outdated)
    for (const { path, namespace } of this.#imported.values()) {
      if (path === undefined || !outdated.has(path)) continue
      try {
        upgradeClasses(namespace, (await this.#load(pathToFileURL(path).href)).namespace)
      } catch (error) {
        const reason = String(error)
        failures.set(reason, { paths: [...(failures.get(reason)?.paths ?? []), path], error })
      }
    }
    return [...failures.values()]
  }

  async #load(specifier: string, options?: ImportCallOptions): Promise<Imported> {
    this.#register()
    try {
      const namespace = (await this.whole(() => import(`${CELL}${specifier}`, options), specifier)) as Record<string, unknown>
      return this.#keep(this.#files.found(specifier) ?? specifier, namespace)
    } catch (error) {
      this.#forget(this.#files.found(specifier))
      throw explained(error, specifier)
    }
  }

  #keep(url: string, namespace: Record<string, unknown>): Imported {
    const file = url.startsWith('file:') ? fileURLToPath(url) : undefined
    // One that is imported with a query, as %run does, is loaded when that says so.
    const path = isLocal(url) && !url.includes('?') ? file : undefined
    const isWhole = file !== undefined && (file.endsWith('.json') || file in cache)
    if (path !== undefined) this.#files.observeCommonJs(path)
    const imported = Object.assign(this.#imported.get(url) ?? {}, { path, namespace, isWhole })
    this.#imported.set(url, imported)
    return imported
  }

  /** Node keeps a module that failed; a person's own is to be tried again. */
  #forget(url: string | undefined): void {
    if (url === undefined || !isLocal(url)) return
    const path = fileURLToPath(url)
    const others = [...this.#imported.values()].flatMap((imported) => (imported.path === undefined || imported.path === path ? [] : [imported.path]))
    const sound = this.#files.reachable(others)
    this.#files.outdate([...this.#files.reachable([path])].filter((reached) => !sound.has(reached)))
  }

  #isMutable({ path }: Imported, exported: string): boolean {
    return path !== undefined && this.#files.isMutable(path, exported)
  }

  /** The path of the local file that a specifier leads to. Throws where it leads elsewhere. */
  localFile(specifier: string): string {
    const url = this.#resolve(specifier)
    if (!isLocal(url)) throw new Error(`${specifier} is no local file, and only those are loaded anew.`)
    return fileURLToPath(url)
  }

  #resolve(specifier: string): string {
    this.#register()
    try {
      const url = new URL(import.meta.resolve(`${CELL}${specifier}`))
      url.searchParams.delete(VERSION)
      return url.href
    } catch (error) {
      throw explained(error, specifier)
    }
  }

  /** Puts the hooks in place at the first import. */
  #register(): void {
    const port = this.#hooksPort
    this.#hooksPort = undefined
    if (port === undefined) return
    whole(() => register(port))
    compileInWorkers()
  }

  /** Loads modules. Meanwhile an interrupt does not terminate: half a module would stay. */
  async whole<T>(load: () => Promise<T>, specifier?: string): Promise<T> {
    const end = this.#begin(specifier)
    try {
      return await load()
    } finally {
      end()
    }
  }

  /** To be called when what is under way is waited for no more: a module may await for ever at its top, or have been terminated there. */
  abandon(): void {
    for (const [path, required] of Object.entries(cache)) {
      if (required?.loaded === false) delete cache[path]
    }
    for (const specifier of this.#loads.values()) this.#forget(specifier && this.#files.found(specifier))
    this.#loads.clear()
    Atomics.store(this.#flags, Flag.loading, 0)
  }

  #begin(specifier?: string): () => void {
    const load = {}
    this.#loads.set(load, specifier)
    Atomics.store(this.#flags, Flag.loading, this.#loads.size)
    return () => {
      if (this.#loads.delete(load)) Atomics.store(this.#flags, Flag.loading, this.#loads.size)
    }
  }
}
