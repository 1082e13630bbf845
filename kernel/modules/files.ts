import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { isLocal, manifestOf, packageIn } from './resolution.ts'

/** What the hooks tell: that something was imported (by a cell where there is no importer), or that a local file was read. */
export type Sighting =
  | { type: 'import'; specifier: string; url: string; importer?: string }
  | { type: 'load'; path: string; stamp: string; mutable: string[] }

/** What the hooks are told: how often a file has been outdated. */
export interface Version {
  path: string
  version: number
}

interface LocalFile {
  version: number
  /** As it was read; undefined before that. */
  stamp?: string
  mutable: string[]
  imports: Set<string>
}

/** What changes when a file does. Empty where there is none. */
export function stampOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.mtimeNs} ${stats.size} ${stats.ino}`
}

const require = createRequire(import.meta.url)
const NODE_MODULES = `${sep}node_modules${sep}`

/** The files of the person's own that modules were made of, and what they import of one another. */
export class LocalFiles {
  readonly #port: MessagePort
  readonly #files = new Map<string, LocalFile>()
  /** Where the cells' specifiers led last. */
  readonly #found = new Map<string, string>()
  readonly #notice: (path: string, stamp: string) => void
  readonly #packages = new Map<string, string | undefined>()

  /** The port's other end is that of the hooks. `notice` is told of each file that is read. */
  constructor(port: MessagePort, notice: (path: string, stamp: string) => void) {
    this.#port = port
    this.#notice = notice
  }

  /** The folders of packages that cells and files have imported, with the versions that they had. */
  get packages(): ReadonlyMap<string, string | undefined> {
    this.#observe()
    return this.#packages
  }

  /** The URL, without a version, of what a cell has just imported. */
  found(specifier: string): string | undefined {
    this.#observe()
    return this.#found.get(specifier)
  }

  /** Whether a module, or one that it imports, assigns to an export of that name. */
  isMutable(path: string, name: string): boolean {
    return [...this.reachable([path])].some((file) => this.#files.get(file)!.mutable.includes(name))
  }

  /** The files that are not as they were when they were read. */
  changed(): string[] {
    this.#observe()
    return [...this.#files].filter(([path, { stamp }]) => stamp !== undefined && stamp !== stampOf(path)).map(([path]) => path)
  }

  /** Files with all that they import. */
  reachable(paths: Iterable<string>): Set<string> {
    const found = new Set<string>()
    const add = (path: string) => {
      if (found.has(path) || !this.#files.has(path)) return
      found.add(path)
      this.#files.get(path)!.imports.forEach(add)
    }
    for (const path of paths) add(path)
    return found
  }

  /** Files with all that import them, but for those that are kept. */
  dependents(paths: Iterable<string>, kept: ReadonlySet<string>): Set<string> {
    const found = new Set(paths)
    for (let size = -1; size < found.size; ) {
      size = found.size
      for (const [path, { imports }] of this.#files) if (!kept.has(path) && [...imports].some((imported) => found.has(imported))) found.add(path)
    }
    return found
  }

  /** Has modules read anew when they are next imported. */
  outdate(paths: Iterable<string>): void {
    for (const path of paths) {
      const file = this.#file(path)
      file.version++
      file.stamp = stampOf(path)
      delete require.cache[path]
      this.#port.postMessage({ path, version: file.version } satisfies Version)
    }
  }

  /** Takes in what CommonJS has loaded for a file; before Node 22 the hooks do not see that. */
  observeCommonJs(path: string, seen = new Set<string>()): void {
    const module = require.cache[path]
    if (module === undefined || seen.has(path)) return
    seen.add(path)
    if (!isLocal(pathToFileURL(path).href)) return this.#addPackage(path)
    const file = this.#file(path)
    if (file.stamp === undefined) this.#notice(path, (file.stamp = stampOf(path)))
    for (const { filename } of module.children ?? []) {
      if (isLocal(pathToFileURL(filename).href)) file.imports.add(filename)
      this.observeCommonJs(filename, seen)
    }
  }

  #observe(): void {
    for (let news = receiveMessageOnPort(this.#port); news !== undefined; news = receiveMessageOnPort(this.#port)) this.#see(news.message as Sighting)
  }

  #see(sighting: Sighting): void {
    if (sighting.type === 'load') {
      const { path, stamp, mutable } = sighting
      Object.assign(this.#file(path), { stamp, mutable, imports: new Set() })
      this.#notice(path, stamp)
      return
    }
    const { specifier, url, importer } = sighting
    if (importer === undefined) this.#found.set(specifier, url)
    if (isLocal(url)) {
      const path = fileURLToPath(url)
      this.#file(path)
      if (importer !== undefined) this.#file(importer).imports.add(path)
    } else if (url.startsWith('file:')) {
      this.#addPackage(fileURLToPath(url))
    }
  }

  /** The package that a file belongs to. */
  #addPackage(path: string): void {
    const start = path.lastIndexOf(NODE_MODULES) + NODE_MODULES.length
    if (start < NODE_MODULES.length) return
    const folder = path.slice(0, start) + packageIn(path.slice(start).replaceAll(sep, '/'))
    if (!this.#packages.has(folder)) this.#packages.set(folder, manifestOf(folder)?.version)
  }

  #file(path: string): LocalFile {
    const file = this.#files.get(path) ?? { version: 0, mutable: [], imports: new Set() }
    this.#files.set(path, file)
    return file
  }
}
