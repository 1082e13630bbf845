/** A module that cells have imported. */
export interface Imported {
  /** Of a local file. */
  path?: string
  namespace: Record<string, unknown>
  /** JSON, or CommonJS: what its default export has may be imported by name. */
  isWhole: boolean
}

/** A name that stands for an export. */
interface Binding {
  imported: Imported
  /** The module that its value is of. */
  namespace: object
  /** `*` is the module itself. */
  exported: string
  assign(value: unknown): void
  value: unknown
}

/** The names of the session that import statements have made, and what they stand for. */
export class ImportedNames {
  readonly #bindings = new Map<string, Binding>()

  /** Makes a name stand for an export. */
  bind(name: string, imported: Imported, exported: string, assign: (value: unknown) => void): void {
    const value = valueOf(imported, exported)
    assign(value)
    this.#bindings.set(name, { imported, namespace: imported.namespace, exported, assign, value })
  }

  /** To be called for names that are declared otherwise. */
  release(names: Iterable<string>): void {
    for (const name of names) this.#bindings.delete(name)
  }

  /** Gives every name the value that its export has now. */
  refresh(): void {
    for (const binding of this.#bindings.values()) {
      const { imported, exported } = binding
      if (imported.isWhole && imported.namespace === binding.namespace) continue
      const value = valueOf(imported, exported)
      if (!Object.is(value, binding.value)) binding.assign(value)
      Object.assign(binding, { namespace: imported.namespace, value })
    }
  }
}

export function valueOf({ namespace, isWhole }: Imported, exported: string): unknown {
  if (exported === '*') return namespace
  return exported in namespace || !isWhole ? namespace[exported] : Object(namespace.default)[exported]
}

export function isExported(imported: Imported, name: string): boolean {
  return name === '*' || name in imported.namespace || (imported.isWhole && name in Object(imported.namespace.default))
}

export function exportsOf({ namespace, isWhole }: Imported): string[] {
  return [...Object.keys(namespace), ...(isWhole ? Object.keys(Object(namespace.default)) : [])]
}
