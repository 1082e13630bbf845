import { join } from 'node:path'
import { maskMagics, maskSchemes } from './mask.ts'
import { declarationsIn, documentOf, errorsIn, extensionOf, headerOf, namesUsed, refusedExports, type Bindings, type Declaration, type Module } from './module.ts'
import { allowsImplicitAny, DRAFT, openProject } from './project.ts'
import type { Diagnostic } from './protocol.ts'
import type { TypeServer } from './type-server.ts'
import { surroundingsOf, WatchedFiles } from './watched.ts'

/** A cell that has been checked. */
export interface CheckedCell {
  /** Places count from 0 in what the person typed. */
  errors: Diagnostic[]
  /** What later cells may use of it. */
  declared: Bindings
}

interface Remembered extends CheckedCell {
  own: ReadonlySet<string>
  /** The names of other cells that it was checked with. */
  uses: Bindings
}

interface Draft {
  path: string
  /** The text without its magics. */
  masked: string
  /** What it declares itself. */
  own: Map<string, Declaration>
}

/** How many checked cells are remembered, for those that run again. */
const REMEMBERED = 200
const CANNOT_FIND_MODULE = 2307

/**
 * A notebook as TypeScript modules: one for each cell that has run and whose names are still in use. Each begins with a line
 * that imports what it uses from the cells that declared it last; so a name may be declared again with another type.
 * What is typed now is a document of its own, which one question at a time has for itself.
 */
export class NotebookModules {
  readonly #server: TypeServer
  readonly #names: Bindings = new Map()
  readonly #remembered = new Map<string, Remembered>()
  readonly #watched: WatchedFiles
  #open = new Set<Module>()
  #folder = ''
  #surroundings = ''
  #count = 0
  #draftsOwn: ReadonlySet<string> = new Set()
  #queue: Promise<unknown> = Promise.resolve()

  /** The files are those that modules were made of, with their stamps. */
  constructor(server: TypeServer, files: ReadonlyMap<string, string>) {
    this.#server = server
    this.#watched = new WatchedFiles(files)
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
    return this.#inTurn(async () => question((await this.#writeDraft(source)).path))
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

  /** Writes the draft with every name of the notebook but those that it declares itself; answers with what it declares. */
  async #writeDraft(source: string): Promise<Draft> {
    const path = this.#enter(source)
    const masked = this.#mask(source)
    this.#server.write(path, documentOf(this.#draftHeader(), masked))
    const [symbols, tokens] = await Promise.all([this.#server.symbols(path), this.#server.declarations(path)])
    const own = declarationsIn(symbols, tokens)
    this.#draftsOwn = new Set(own.keys())
    this.#server.write(path, documentOf(this.#draftHeader(), masked))
    return { path, own, masked }
  }

  #draftHeader(): string {
    return headerOf(this.#open, without(this.#names, this.#draftsOwn))
  }

  async #check(source: string): Promise<CheckedCell> {
    const used = namesUsed(this.#mask(source), this.#names)
    const key = `${process.cwd()}\n${source}`
    this.#noticeChanges()
    const known = this.#remembered.get(key)
    if (known !== undefined && isSame(without(used, known.own), known.uses)) return known
    const checked = await this.#checkAnew(source, used)
    this.#remembered.delete(key)
    if (!checked.errors.some(({ code }) => code === CANNOT_FIND_MODULE)) this.#remembered.set(key, checked)
    const [oldest] = this.#remembered.keys()
    if (this.#remembered.size > REMEMBERED) this.#remembered.delete(oldest)
    return checked
  }

  async #checkAnew(source: string, used: Bindings): Promise<Remembered> {
    const { path, own, masked } = await this.#writeDraft(source)
    const names = [...own.keys()]
    this.#server.write(path, documentOf(this.#draftHeader(), masked, names))
    const diagnostics = await this.#server.diagnostics(path)
    const { undeclared, exported } = refusedExports(diagnostics, source, names)
    const uses = without(used, this.#draftsOwn)
    const modules = new Set([...uses.values()].map(({ module }) => module))
    const text = documentOf(headerOf(modules, uses), masked, names.filter((name) => !undeclared.has(name) && !exported.has(name)))
    const ranges = new Map([...own].map(([name, { range }]) => [name, range]))
    const module: Module = { path: join(this.#folder, `.hone-cell-${++this.#count}${extensionOf(source)}`), text, source, ranges, uses: modules }
    const declared: Bindings = new Map()
    for (const [name, { kind }] of own) if (!undeclared.has(name)) declared.set(name, { module, kind })
    return { own: new Set(names), uses, errors: errorsIn(diagnostics, source, masked, this.#names, allowsImplicitAny(this.#folder)), declared }
  }

  #mask(source: string): string {
    return maskSchemes(maskMagics(source, (name) => this.#names.has(name)))
  }

  /** The draft imports a module before the module is opened, so that it belongs to the project. */
  #keep(declared: Bindings): void {
    if (declared.size === 0) return
    for (const [name, binding] of declared) this.#names.set(name, binding)
    const closed = this.#open
    this.#open = modulesOf(this.#names)
    this.#draftsOwn = new Set()
    const draft = join(this.#folder, `${DRAFT}.ts`)
    this.#server.write(draft, documentOf(this.#draftHeader(), ''))
    for (const { path, text } of this.#open) this.#server.write(path, text)
    for (const module of closed) if (!this.#open.has(module)) this.#server.close(module.path)
    void this.#server.symbols(draft).catch(() => undefined)
  }

  /** The path of the document for a text in the kernel's working folder, which is the notebook's. */
  #enter(source: string): string {
    this.#noticeChanges()
    this.#watched.addImportsOf(source, this.#folder)
    return join(this.#folder, DRAFT + extensionOf(source))
  }

  /** Tells the server of another folder, of what has been installed and of files that have changed. */
  #noticeChanges(): void {
    const folder = process.cwd()
    const surroundings = surroundingsOf(folder)
    const changes = this.#watched.changes()
    if (surroundings !== this.#surroundings) {
      // A server that starts anew sees new packages.
      if (folder === this.#folder) this.#server.stop()
      openProject(this.#server, folder)
    }
    this.#server.filesChanged(changes)
    if (surroundings !== this.#surroundings || changes.length > 0) this.#remembered.clear()
    this.#folder = folder
    this.#surroundings = surroundings
  }
}

function without(bindings: Bindings, names: ReadonlySet<string>): Bindings {
  return new Map([...bindings].filter(([name]) => !names.has(name)))
}

function isSame(some: Bindings, others: Bindings): boolean {
  return some.size === others.size && [...some].every(([name, binding]) => others.get(name)?.module === binding.module)
}

/** The modules that declare names, and those whose names they use in turn. */
function modulesOf(names: Bindings): Set<Module> {
  const found = new Set([...names.values()].map(({ module }) => module))
  for (const module of found) for (const used of module.uses) found.add(used)
  return found
}
