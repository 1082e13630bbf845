import { join, resolve } from 'node:path'
import { stampOf } from '../modules/files.ts'
import { above, configurationOf } from '../tsconfig.ts'

/** https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/#fileChangeType */
export interface FileChange {
  path: string
  type: 1 | 2 | 3
}

const RELATIVE_IMPORT = /['"](\.{1,2}\/[^'"\n]+)['"]/g

/** The files that a notebook's types rest on. The language server does not watch them. */
export class WatchedFiles {
  readonly #loaded: ReadonlyMap<string, string>
  readonly #stamps = new Map<string, string>()

  /** The files that modules were made of, with their stamps. */
  constructor(loaded: ReadonlyMap<string, string>) {
    this.#loaded = loaded
  }

  /** Watches the files that a text may import. */
  addImportsOf(source: string, folder: string): void {
    for (const [, specifier] of source.matchAll(RELATIVE_IMPORT)) {
      for (const ending of ['', '.ts', '.tsx', '.js']) this.#add(resolve(folder, specifier + ending))
    }
  }

  /** The files that have changed since this was asked last. */
  changes(): FileChange[] {
    for (const [path, stamp] of this.#loaded) this.#add(path, stamp)
    const changes: FileChange[] = []
    for (const [path, before] of this.#stamps) {
      const now = stampOf(path)
      if (now === before) continue
      this.#stamps.set(path, now)
      changes.push({ path, type: before === '' ? 1 : now === '' ? 3 : 2 })
    }
    return changes
  }

  #add(path: string, stamp = stampOf(path)): void {
    if (!this.#stamps.has(path)) this.#stamps.set(path, stamp)
  }
}

/** What changes with the folder, when packages are installed near it, and when its tsconfig.json does. */
export function surroundingsOf(folder: string): string {
  const packages = above(folder, 'node_modules')
  const places = [above(folder, 'package.json'), configurationOf(folder)?.file, packages, packages && join(packages, '.package-lock.json')]
  return [folder, ...places.map((place) => (place === undefined ? '' : `${place} ${stampOf(place)}`))].join('\n')
}
