import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { maskMagics } from './mask.ts'
import { declarationsIn, documentOf, errorsIn, extensionOf, headerOf, refusedExports, used, type Bindings, type Module } from './module.ts'
import { DRAFT, openProject } from './project.ts'
import type { Diagnostic } from './protocol.ts'
import type { TypeServer } from './type-server.ts'

/** A cell that has been checked. */
export interface CheckedCell {
  /** Places count from 0 in what the person typed. */
  errors: Diagnostic[]
  /** What later cells may use of it. */
  declared: Bindings
}

interface Remembered extends CheckedCell {
  own: ReadonlySet<string>
  header: string
}

/** How many checked cells are remembered, for those that run again. */
const REMEMBERED = 200
const CANNOT_FIND_MODULE = 2307
const RELATIVE_IMPORT = /['"](\.{1,2}\/[^'"\n]+)['"]/g

/**
 * A notebook as TypeScript modules: one for each cell that has run and whose names are still in use. Each begins with a line
 * that imports what it uses from the cells that declared it last; so a name may be declared again with another type.
 * What is typed now is a document of its own, which one question at a time has for itself.
 */
export class NotebookModules {
  readonly #server: TypeServer
  readonly #names: Bindings = new Map()
  readonly #remembered = new Map<string, Remembered>()
  /** Files that cells import, with the times of their last change. */
  readonly #files = new Map<string, number>()
  #open = new Set<Module>()
  #folder = ''
  #count = 0
  #draftsOwn: ReadonlySet<string> = new Set()
  #queue: Promise<unknown> = Promise.resolve()

  constructor(server: TypeServer) {
    this.#server = server
  }

  get names(): ReadonlyMap<string, unknown> {
    return this.#names
  }

  /** Where an earlier cell declares a name: the lines that the person typed. */
  sourceOf(name: string): string | undefined {
    const binding = this.#names.get(name)
    const range = binding?.module.ranges.get(name)
    return range && binding?.module.source.split('\n').slice(range.start.line, range.end.line + 1).join('\n')
  }

  /** Asks about a text that is being typed; the question gets the document's path. */
  ask<Answer>(source: string, question: (path: string) => Promise<Answer>): Promise<Answer> {
    return this.#inTurn(async () => question(await this.#writeDraft(source)))
  }

  /** Checks a cell that runs or is about to. */
  check(source: string): Promise<CheckedCell> {
    return this.#inTurn(() => this.#check(source))
  }

  /** Makes what a cell declares known to all that is asked from now on, also when its check is still under way. */
  keep(checking: Promise<CheckedCell | undefined>): Promise<void> {
    return this.#inTurn(async () => this.#keep((await checking)?.declared ?? new Map()))
  }

  #inTurn<Answer>(task: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#queue.then(task)
    this.#queue = answer.catch(() => undefined)
    return answer
  }

  async #writeDraft(source: string): Promise<string> {
    const path = this.#enter(source)
    const masked = this.#mask(source)
    const write = () => this.#server.write(path, documentOf(headerOf(without(this.#names, this.#draftsOwn)), masked))
    write()
    const own = declarationsIn(await this.#server.symbols(path), [])
    const isSame = own.size === this.#draftsOwn.size && [...own.keys()].every((name) => this.#draftsOwn.has(name))
    this.#draftsOwn = new Set(own.keys())
    if (!isSame) write()
    return path
  }

  async #check(source: string): Promise<CheckedCell> {
    const path = this.#enter(source)
    const wanted = used(this.#mask(source), this.#names)
    const key = `${path}\n${source}`
    const known = this.#remembered.get(key)
    if (known !== undefined && headerOf(without(wanted, known.own)) === known.header) return known
    const checked = await this.#checkAnew(path, source, wanted)
    this.#remembered.delete(key)
    if (!checked.errors.some(({ code }) => code === CANNOT_FIND_MODULE)) this.#remembered.set(key, checked)
    const [oldest] = this.#remembered.keys()
    if (this.#remembered.size > REMEMBERED) this.#remembered.delete(oldest)
    return checked
  }

  async #checkAnew(path: string, source: string, wanted: Bindings): Promise<Remembered> {
    const masked = this.#mask(source)
    this.#server.write(path, documentOf('', masked))
    const [symbols, tokens] = await Promise.all([this.#server.symbols(path), this.#server.declarations(path)])
    const own = declarationsIn(symbols, tokens)
    const names = [...own.keys()]
    const imported = without(wanted, new Set(names))
    const header = headerOf(imported)
    this.#server.write(path, documentOf(header, masked, names))
    const diagnostics = await this.#server.diagnostics(path)
    const { undeclared, exported } = refusedExports(diagnostics, source, names)
    const text = documentOf(header, masked, names.filter((name) => !undeclared.has(name) && !exported.has(name)))
    const ranges = new Map([...own].map(([name, { range }]) => [name, range]))
    const uses = new Set([...imported].map(([, binding]) => binding.module))
    const module: Module = { path: join(this.#folder, `.hone-cell-${++this.#count}${extensionOf(source)}`), text, source, ranges, uses }
    const declared: Bindings = new Map()
    for (const [name, { kind }] of own) if (!undeclared.has(name)) declared.set(name, { module, kind })
    return { own: new Set(names), header, errors: errorsIn(diagnostics, source, masked, this.#names), declared }
  }

  #mask(source: string): string {
    return maskMagics(source, (name) => this.#names.has(name))
  }

  /** The draft imports a module before the module is opened, so that it belongs to the project. */
  #keep(declared: Bindings): void {
    if (declared.size === 0) return
    for (const [name, binding] of declared) this.#names.set(name, binding)
    const inUse = modulesOf(this.#names)
    this.#server.write(join(this.#folder, `${DRAFT}.ts`), headerOf(this.#names))
    for (const { path, text } of inUse) this.#server.write(path, text)
    for (const module of this.#open) if (!inUse.has(module)) this.#server.close(module.path)
    this.#open = inUse
  }

  /** The path of the document for a text in the kernel's working folder, which is the notebook's. */
  #enter(source: string): string {
    const folder = process.cwd()
    if (folder !== this.#folder) openProject(this.#server, folder)
    this.#folder = folder
    this.#noticeFiles(source)
    return join(folder, DRAFT + extensionOf(source))
  }

  /** The server does not watch files, so it is told of those that cells import. */
  #noticeFiles(source: string): void {
    for (const [, specifier] of source.matchAll(RELATIVE_IMPORT)) {
      for (const ending of ['', '.ts', '.tsx', '.js']) {
        const path = resolve(this.#folder, specifier + ending)
        if (!this.#files.has(path)) this.#files.set(path, changeTime(path))
      }
    }
    const changed = [...this.#files].filter(([path, time]) => changeTime(path) !== time).map(([path]) => path)
    if (changed.length === 0) return
    for (const path of changed) this.#files.set(path, changeTime(path))
    this.#server.filesChanged(changed)
    this.#remembered.clear()
  }
}

function without(bindings: Bindings, names: ReadonlySet<string>): Bindings {
  return new Map([...bindings].filter(([name]) => !names.has(name)))
}

/** The modules that declare names, and those whose names they use in turn. */
function modulesOf(names: Bindings): Set<Module> {
  const found = new Set([...names.values()].map(({ module }) => module))
  for (const module of found) for (const used of module.uses) found.add(used)
  return found
}

function changeTime(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
