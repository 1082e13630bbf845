import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { plainTraceback, run, startKernel } from './harness.ts'

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'hone-modules-')))

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(cwd, path)), { recursive: true })
  writeFileSync(join(cwd, path), content)
}

function writePackage(name: string, manifest: object, files: Record<string, string>): void {
  write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', ...manifest }))
  for (const [path, content] of Object.entries(files)) write(`node_modules/${name}/${path}`, content)
}

const section = (id: number, ...bytes: number[]) => [id, bytes.length, ...bytes]
const text = (name: string) => [name.length, ...Buffer.from(name)]
/** Exports `add`, which tells `log` of ./host.mts its first argument, and a global, `answer`. */
const WASM = Uint8Array.from([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  ...section(1, 2, 0x60, 1, 0x7f, 0, 0x60, 2, 0x7f, 0x7f, 1, 0x7f),
  ...section(2, 1, ...text('./host.mts'), ...text('log'), 0, 0),
  ...section(3, 1, 1),
  ...section(6, 1, 0x7f, 0, 0x41, 42, 0x0b),
  ...section(7, 2, ...text('add'), 0, 1, ...text('answer'), 3, 0),
  ...section(10, 1, 11, 0, 0x20, 0, 0x10, 0, 0x20, 0, 0x20, 1, 0x6a, 0x0b),
])

write('package.json', JSON.stringify({ name: 'notes', imports: { '#inner/*': './inner/*.ts' }, exports: { './self': './inner/deep.ts' } }))
write('tsconfig.json', '{ "extends": "./config/base.json", "compilerOptions": { "strict": true, } } // as people write it')
write('config/base.json', '{ "compilerOptions": { "paths": { "@/*": ["../inner/*"], "exact": ["../inner/deep.ts"] } } }')
write('inner/deep.ts', "export const depth: number = 3\nexport const where = import.meta.url")
write('inner/index.ts', "export * from './deep.js'\nexport { depth as total } from './deep'\nexport const isIndex = true")
write('shapes.ts', 'export interface Square { side: number }\nexport type Side = number\nexport enum Colour { Red, Green }\nexport const area = ({ side }: Square): Side => side ** 2')
write('user.ts', "import { Square, area, type Side } from './shapes'\nimport { OnlyType } from 'types-only'\nexport const sized = (side: Side): number => area({ side } as Square)\nexport const typed = null as OnlyType | null")
write('view.tsx', "const make = (tag: string, _: object | null, ...children: unknown[]) => `<${tag}>${children.join('')}`\n/** @jsx make */\nexport const view = <b>text</b>")
write('host.mts', 'export const seen: number[] = []\nexport const log = (value: number) => void seen.push(value)')
write('old.cts', "import path = require('node:path')\nexport const separator: string = path.sep\nexport enum Old { Yes = 5 }")
write('assigned.cts', 'class Whole { size: number = 4 }\nexport = new Whole()')
write('mixed.ts', "import { sep } from 'node:path'\nexport const here: string[] = [__dirname, __filename, require('node:path').sep === sep ? 'same' : 'other']\nexport const isMain: boolean = require.main === module")
write('counter.ts', 'export let count = 0\nexport function increase(by = 1): number {\n  count += by\n  return count\n}\nlet total = 0\nexport { total as sum }\nexport const add = (value: number) => { total += value }')
write('circle/a.ts', "import { b } from './b.ts'\nexport const a = (n: number): number => (n === 0 ? 0 : b(n - 1) + 1)")
write('circle/b.ts', "import { a } from './a.ts'\nexport const b = (n: number): number => (n === 0 ? 0 : a(n - 1) + 1)")
write('effects.ts', "globalThis.effects = [...(globalThis.effects ?? []), 'once']\ndeclare global { var effects: string[] | undefined }")
write('first.ts', 'globalThis.order = [1]')
write('second.ts', 'globalThis.order.push(2)')
write('data.json', '{ "version": "1.2", "items": [1, 2] }')
write('usesData.ts', "import data from './data.json'\nexport const version: string = data.version")
write('sum.wasm', WASM)
write('broken.ts', 'export const fine = 1\nexport const broken: = 2\n')
write('throws.ts', "\nthrow new Error('at load')\n")
write('needs.ts', "import { x } from 'not-there'\nexport const y = x")
write('wrong.ts', "import { nothing } from './shapes.ts'\nexport const y = nothing")
write('awaits.mjs', 'export const waited = await Promise.resolve(5)')
write('table.csv', 'a,b\n')
writePackage('common', { main: 'index.js' }, { 'index.js': "exports.named = 'named'\nmodule.exports.hidden = Object.keys(exports).length\nObject.assign(exports, { late: 'late' })" })
writePackage('callable', { main: 'index.js' }, { 'index.js': "module.exports = () => 'called'" })
writePackage('conditional', { type: 'module', exports: { '.': { import: './esm.js', require: './common.cjs' }, './part': './part.js' } }, { 'esm.js': "export const kind = 'import'", 'common.cjs': "exports.kind = 'require'", 'part.js': 'export default 1' })
writePackage('types-only', { types: 'index.d.ts' }, { 'index.d.ts': 'export interface OnlyType { x: number }' })
writePackage('late', { type: 'module', exports: './index.js' }, { 'index.js': "export let state\nexport const setReady = (value) => { state = value }\nexport const init = async () => setReady('ready')" })
writePackage('@scope/inner', { type: 'module', exports: './index.js' }, { 'index.js': 'export const scoped = true' })

const kernel = await startKernel({ cwd })
await run(kernel, '%typecheck off')

/** Cells one after the other; the last one's value as text. */
async function value(...cells: readonly string[]): Promise<string | undefined> {
  const outcomes = []
  for (const cell of cells) outcomes.push(await run(kernel, cell))
  const failed = outcomes.find(({ reply }) => reply.status !== 'ok')
  assert.equal(failed, undefined, failed && plainTraceback(failed))
  return outcomes.at(-1)!.result
}

const cells: Record<string, [cells: readonly string[], result: string]> = {
  'a file by its ending, by .js for .ts, without an ending, and a folder by its index': [["import { area } from './shapes.ts'\nimport { Colour } from './shapes.js'\nimport { depth } from './inner/deep'\nimport { isIndex, total } from './inner';\n[area({ side: 2 }), Colour.Green, depth, isIndex, total]"], '[ 4, 1, 3, true, 3 ]'],
  'types that are imported without saying so are gone when the file runs': [["import { sized } from './user.ts'\nsized(3)"], '9'],
  'an import of types of a package that has nothing else': [["import { type OnlyType } from 'types-only'\nimport type { Square } from './shapes.ts'\nconst only: OnlyType & Square = { x: 1, side: 2 }\nonly.x"], '1'],
  '.tsx, .mts and .cts files': [["import { view } from './view.tsx'\nimport { seen } from './host.mts'\nimport { separator, Old } from './old.cts'\nimport whole from './assigned.cts';\n[view, seen.length, separator, Old.Yes, whole.size]"], "[ '<b>text', 0, '/', 5, 4 ]"],
  "the folder's tsconfig.json has paths, through what it extends": [["import { depth } from '@/deep'\nimport { depth as exactly } from 'exact'\nimport { isIndex } from '@/index.js';\n[depth, exactly, isIndex]"], '[ 3, 3, true ]'],
  "the package.json's imports and exports": [["import { depth } from '#inner/deep'\nimport { depth as own } from 'notes/self';\n[depth, own]"], '[ 3, 3 ]'],
  'one file, however it is named, is one module': [["import * as one from './inner/deep.ts'\nimport * as two from '@/deep'\nimport * as three from '#inner/deep';\n[one === two, two === three]"], '[ true, true ]'],
  'conditions of a package, its parts, and a scope': [["import { kind } from 'conditional'\nimport part from 'conditional/part'\nimport { scoped } from '@scope/inner';\n[kind, require('conditional').kind, part, scoped]"], "[ 'import', 'require', 1, true ]"],
  'a CommonJS package: its default, its names, those too that Node does not foresee': [["import common, { named, late } from 'common'\nimport callable from 'callable'\nimport * as all from 'common';\n[common.named, named, late, callable(), all.default === common]"], "[ 'named', 'named', 'late', 'called', true ]"],
  'packages that come with the kernel, for cells and files, where the folder has none of the name': [["import { gzipSync } from 'fflate'\nimport { passes } from 'honejs';\n[typeof gzipSync, typeof passes, typeof require('fflate').gzipSync]"], "[ 'function', 'object', 'function' ]"],
  'JSON with and without an attribute, whole and by name, in cells and files': [["import data from './data.json'\nimport same, { version } from './data.json' with { type: 'json' }\nimport { version as other } from './usesData.ts'\nimport { name } from 'common/package.json';\n[data === same, data.items, version, other, (await import('./data.json')).default === data, name]"], "[ true, [ 1, 2 ], '1.2', '1.2', true, 'common' ]"],
  "WebAssembly: an instance's exports; what it needs is imported": [["import { add, answer } from './sum.wasm'\nimport { seen } from './host.mts';\n[add(2, 3), answer, seen]"], '[ 5, 42, [ 2 ] ]'],
  'WebAssembly by its bytes': [["import { readFile } from 'node:fs/promises'\nconst { instance } = await WebAssembly.instantiate(await readFile('sum.wasm'), { './host.mts': { log() {} } });\n(instance.exports.add as Function)(4, 5)"], '9'],
  'dynamic imports, by any expression': [["const name = 'deep';\n[(await import(`./inner/${name}.ts`)).depth, (await import(new URL('./shapes.ts', import.meta.url).href)).Colour.Red]"], '[ 3, 0 ]'],
  'import = require, of a package and a file': [["import fs = require('node:fs')\nimport old = require('./old.cts')\n;[typeof fs.readFileSync, old.separator]"], "[ 'function', '/' ]"],
  'require: packages, JSON, TypeScript; resolve': [["const { area: required } = require('./shapes');\n[require('./data.json').version, required({ side: 3 }), require.resolve('common') === `${__dirname}/node_modules/common/index.js`]"], "[ '1.2', 9, true ]"],
  'import.meta and the names of CommonJS: a file in this folder': [['[import.meta.url, import.meta.dirname, import.meta.filename === __filename, __dirname, import.meta.resolve("./shapes.js")]'], `[ ${[pathToFileURL(join(cwd, 'notebook.ts')).href, cwd, true, cwd, pathToFileURL(join(cwd, 'shapes.ts')).href].map((x) => (x === true ? 'true' : `'${x}'`)).join(', ')} ]`],
  'a module may use what CommonJS would give it': [["import { here, isMain } from './mixed.ts';\n[here[0] === __dirname, here[1].endsWith('mixed.ts'), here[2], isMain]"], "[ true, true, 'same', false ]"],
  'files that import each other': [["import { a } from './circle/a.ts'\na(5)"], '5'],
  'an import for its effects alone happens once': [["import './effects.ts'\nimport './effects'\neffects", 'effects'], "[ 'once' ]"],
  'imports happen in turn and before all else, wherever they stand': [["import './first.ts'\nconst order = globalThis.order, joined = join('a', 'b')\nimport './second.ts'\nimport { join } from 'node:path'\n;[order, joined]"], "[ [ 1, 2 ], 'a/b' ]"],
  "npm: and jsr: are the package of that name": [["import { gzipSync as zip } from 'npm:fflate@0.8'\nimport { kind } from 'npm:conditional@^1.0.0'\nimport { scoped } from 'jsr:@scope/inner@1';\n[typeof zip, kind, scoped]"], "[ 'function', 'import', true ]"],
}

for (const [name, [sources, result]] of Object.entries(cells)) {
  test(name, async () => assert.equal((await value(...sources))?.replace(/\s+/g, ' '), result))
}

test("a name stands for what the module exports at any moment, in this cell and in later ones", async () => {
  assert.equal(await value("import { count, increase, sum, add } from './counter.ts'\nconst before = count\nincrease()\nadd(5)\nconst seen = () => [count, sum];\n[before, count, sum]"), '[ 0, 1, 5 ]')
  assert.equal(await value('increase(2)\n;[count, seen()]'), '[ 3, [ 3, 5 ] ]')
  assert.equal(await value('const count = "own"\nincrease()\ncount'), "'own'")
  assert.equal(await value("import { count } from './counter.ts'\ncount"), '4')
})

test('what a package assigns to its exports later is there after the next await', async () => {
  assert.equal(await value("import { init, state } from 'late'\nconst before = state\nawait init();\n[before, state]"), "[ undefined, 'ready' ]")
  assert.equal(await value("import { setReady } from 'late'\nsetReady('again')"), undefined)
  assert.equal(await value('state'), "'again'")
})

/** The traceback of a cell that fails; its cell number as N. */
async function traceback(code: string): Promise<string> {
  const outcome = await run(kernel, code)
  assert.equal(outcome.reply.status, 'error')
  return plainTraceback(outcome).replaceAll(`cell ${outcome.reply.execution_count}`, 'cell N')
}

const failures: Record<string, [code: string, expected: RegExp]> = {
  'a package that is not there': ["const a = 1\nimport x from 'foo-bar'", /^Error: Cannot find package 'foo-bar'\. Run %npm install foo-bar\n[^]*> 2 \| import x/],
  'a package whose name is mistyped': ["import x from 'comon'", /Cannot find package 'comon'\. Did you mean common\?/],
  'a package that a file needs': ["import { y } from './needs.ts'", /Cannot find package 'not-there', which needs\.ts imports\. Run %npm install not-there/],
  'a file that is not there': ["import { area } from './shpes.ts'", /There is no file shpes\.ts\. Did you mean shapes\.ts\?/],
  'a file that is not there, for require': ["require('./shpes.ts')", /There is no file shpes\.ts\. Did you mean shapes\.ts\?/],
  'a folder without an index': ["import x from './config'", /config is a folder without an index file/],
  'an export that is not there': ["import { aera } from './shapes.ts'\naera({ side: 1 })", /^SyntaxError: \.\/shapes\.ts exports no aera\. Did you mean area\?/],
  'an export that a file misses': ["import './wrong.ts'", /wrong\.ts:1\n[^]*does not provide an export named 'nothing'\. If it is a type, write `type` before it/],
  'a syntax error in a file': ["import { broken } from './broken.ts'", /broken\.ts:2:22\n\s+export const broken: = 2\n {4} {21}\^/],
  'a syntax error in a file that is required': ["require('./broken.ts')", /broken\.ts:2:22/],
  'an error while a file is loaded': ["import './throws.ts'", /Error: at load\n\s+at .*throws\.ts:2:7/],
  'a module over the network': ["import x from 'https://esm.sh/lodash@4/fp'", /Run %npm install lodash@4 and import 'lodash'/],
  'npm: of a package that is not there': ["import x from 'npm:left-pad@1.3'", /Run %npm install left-pad@1\.3/],
  'jsr: of a package that is not there': ["import x from 'jsr:@std/assert@1'", /Run !npx jsr add @std\/assert@1/],
  'data that is no module': ["import x from './table.csv'", /table\.csv is no module[^]*readFile/],
  'require of a module that awaits': ["require('./awaits.mjs')", /Write: await import\('\.\/awaits\.mjs'\)/],
  'an export of another module': ["export { area } from './shapes.ts'", /a cell exports nothing/],
}

for (const [name, [code, expected]] of Object.entries(failures)) {
  test(`says what to do: ${name}`, async () => assert.match(await traceback(code), expected))
}

test('what failed to load is tried again', async () => {
  write('flaky.ts', "import { gate } from './gate.ts'\nif (!gate.isOpen) throw new Error('closed')\nexport const passed = true")
  write('gate.ts', 'export const gate = { isOpen: false }')
  await value("import { gate } from './gate.ts'")
  assert.match(await traceback("import { passed } from './flaky.ts'"), /closed/)
  assert.equal(await value("gate.isOpen = true\nconst { passed } = await import('./flaky.ts')\npassed"), 'true')
  writePackage('not-there', { type: 'module', exports: './index.js' }, { 'index.js': 'export const x = 8' })
  assert.equal(await value("import { y } from './needs.ts'\ny"), '8')
})

test('a worker whose file is TypeScript runs it as cells do', async () => {
  write('worker.ts', "import { parentPort } from 'node:worker_threads'\nimport { area } from './shapes'\nenum Size { Big = 5 }\nparentPort!.postMessage(area({ side: Size.Big }))\nsetTimeout(() => {\n  throw new RangeError('in a worker')\n})")
  const cell = "import { Worker } from 'node:worker_threads'\nimport { once } from 'node:events'\nconst worker = new Worker('./worker.ts')\nconst [[squared], [error]] = await Promise.all([once(worker, 'message'), new Promise<[Error]>((resolve) => worker.on('error', (error) => resolve([error])))])\n;[squared, error.stack.includes('worker.ts:6:9')]"
  assert.equal(await value(cell), '[ 25, true ]')
})

test('lines of TypeScript that is imported or required are those of the file', async () => {
  write('lines.ts', 'enum Level { Low }\nexport function fail(): never {\n  throw new Error(`level ${Level.Low}`)\n}\n')
  assert.match(await traceback("import { fail } from './lines.ts'\nfail()"), /at fail \(.*lines\.ts:3:9\)/)
  assert.match(await traceback("require('./lines.ts').fail()"), /lines\.ts:3:9\)/)
})

test('a folder without node_modules or package.json has honejs, for its files too', async () => {
  const bare = realpathSync(mkdtempSync(join(tmpdir(), 'hone-bare-')))
  writeFileSync(join(bare, 'uses.ts'), "import { passes } from 'honejs'\nimport { gzipSync } from 'fflate'\nexport const found = [typeof passes, typeof gzipSync]")
  const alone = await startKernel({ cwd: bare })
  assert.equal((await run(alone, "import { found } from './uses.ts'\nfound")).result, "[ 'object', 'function' ]")
})
