/**
 * A WebAssembly file as a JavaScript module: it exports what an instance exports, and imports what the instance is given.
 * Node does so itself from 24.5 on. https://github.com/WebAssembly/esm-integration
 */
export function wasmModule(path: string, bytes: Buffer<ArrayBuffer>): string {
  const module = new WebAssembly.Module(bytes)
  const sources = [...new Set(WebAssembly.Module.imports(module).map((needed) => needed.module))].map((name) => JSON.stringify(name))
  const names = WebAssembly.Module.exports(module).map(({ name }) => JSON.stringify(name))
  return [
    "import { readFileSync as read } from 'node:fs'",
    ...sources.map((source, index) => `import * as source${index} from ${source}`),
    `const given = { ${sources.map((source, index) => `${source}: source${index}`).join(', ')} }`,
    `const { exports } = new WebAssembly.Instance(new WebAssembly.Module(read(${JSON.stringify(path)})), given)`,
    'const valueOf = (item) => (item instanceof WebAssembly.Global ? item.value : item)',
    ...names.map((name, index) => `const item${index} = valueOf(exports[${name}])`),
    `export { ${names.map((name, index) => `item${index} as ${name}`).join(', ')} }`,
  ].join('\n')
}
