import { readFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { explained } from './errors.ts'
import { locate, notebookFile } from './resolution.ts'
import { compileFile } from './source.ts'

/** `require` as cells have it: that of a file in the kernel's working folder. `load` loads the file of the path given, or another module. */
export function cellRequire(load: <T>(path: string, work: () => T) => T): NodeJS.Require {
  compileRequired()
  const cellRequire = (id: string): unknown => {
    try {
      const [require, name] = find(id)
      return load(require.resolve(name), () => require(name))
    } catch (error) {
      throw explained(error, id)
    }
  }
  const resolve = (id: string, options?: NodeJS.RequireResolveOptions) => {
    const [require, name] = find(id)
    return require.resolve(name, options)
  }
  const { cache, extensions, main, resolve: { paths } } = createRequire(notebookFile())
  return Object.assign(cellRequire, { cache, extensions, main, resolve: Object.assign(resolve, { paths }) })
}

/** What to ask, and for which name. */
function find(id: string): [NodeJS.Require, name: string] {
  const { specifier, parentURL } = locate(id, pathToFileURL(notebookFile()).href)
  return [createRequire(parentURL), specifier.startsWith('file:') ? fileURLToPath(specifier) : specifier]
}

type Compiling = NodeJS.Module & { _compile(code: string, path: string): void }

/** TypeScript that is required is compiled as cells are, whatever Node does by itself. https://nodejs.org/api/modules.html#requireextensions */
function compileRequired(): void {
  const { _extensions } = Module as unknown as { _extensions: Record<string, (module: Compiling, path: string) => void> }
  for (const ending of ['.ts', '.tsx', '.mts', '.cts', '.jsx']) {
    _extensions[ending] = (module, path) => {
      const { _compile: compile } = module
      compile.call(module, compileFile(path, readFileSync(path, 'utf8'), 'commonjs').code, path)
    }
  }
}
