import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel, stripColours } from './harness.ts'

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'hone-reload-')))
const kernel = await startKernel({ cwd })
await run(kernel, '%typecheck off')

function write(path: string, content: string): void {
  mkdirSync(dirname(join(cwd, path)), { recursive: true })
  writeFileSync(join(cwd, path), content)
}

/** A cell's value as text. */
async function value(code: string): Promise<string | undefined> {
  const outcome = await run(kernel, code)
  assert.equal(outcome.reply.status, 'ok', plainTraceback(outcome))
  assert.equal(outcome.stderr, '')
  return outcome.result
}

test('a function that an earlier cell imported is the new one in the next cell, in functions of earlier cells too', async () => {
  write('model.ts', 'export const speak = (): string => "one"\nexport default 1')
  assert.equal(await value("import number, { speak as say, speak } from './model.ts'\nimport * as whole from './model'\nconst later = () => say() + whole.speak();\n[say(), number]"), "[ 'one', 1 ]")
  write('model.ts', 'enum Word { two = "two" }\nexport const speak = (): string => Word.two\nexport default 2')
  assert.equal(await value('[say(), speak(), number, later()]'), "[ 'two', 'two', 2, 'twotwo' ]")
})

test('a change reaches through the whole chain of local files, and only what depends on it is loaded anew', async () => {
  write('tsconfig.json', '{ "compilerOptions": { "paths": { "@/*": ["./deep/*"] } } }')
  write('chain.ts', "import { middle } from './middle'\nimport { aside, loads } from './aside.ts'\nexport const top = (): string => middle() + aside\nexport { loads }")
  write('middle.ts', "import { bottom } from '@/bottom'\nexport let calls = 0\nexport const middle = () => `${bottom}${++calls}`")
  write('deep/bottom.ts', "export const bottom: string = 'a'")
  write('aside.ts', "globalThis.loads = (globalThis.loads ?? 0) + 1\nexport const aside = '!'\nexport const loads = globalThis.loads\ndeclare global { var loads: number }")
  assert.equal(await value("import { top } from './chain.ts'\nimport { calls } from './middle.ts'\ntop() + top()"), "'a1!a2!'")
  write('deep/bottom.ts', "export const bottom: string = 'b'")
  assert.equal(await value('top() + loads'), "'b1!1'")
  assert.equal(await value('calls'), '1')
})

test('all that import a changed file share its new version', async () => {
  write('shared.ts', 'export const box = { value: 1 }')
  write('left.ts', "import { box } from './shared.ts'\nexport const left = box")
  write('right.ts', "import { box } from './shared.ts'\nexport const right = box")
  await value("import { left } from './left.ts'\nimport { right } from './right.ts'")
  write('shared.ts', 'export const box = { value: 2 }')
  assert.equal(await value("import { box } from './shared.ts'\n;[left === right, left === box, left.value]"), '[ true, true, 2 ]')
})

test('objects of an exported class get its new methods and stay its instances; ones with private members stay as they are', async () => {
  write('shape.ts', 'export class Base { kind() { return "base" } }\nexport class Shape extends Base {\n  constructor(readonly size: number) { super() }\n  area() { return this.size }\n  gone() {}\n}\nexport class Closed {\n  #secret = 1\n  tell() { return this.#secret }\n}')
  await value("import { Shape, Closed, Base } from './shape.ts'\nconst shape = new Shape(3), closed = new Closed()\nclass Own extends Shape { twice() { return 2 * this.area() } }\nconst own = new Own(2)")
  write('shape.ts', 'export class Base { kind() { return "new base" } }\nexport class Shape extends Base {\n  constructor(readonly size: number) { super() }\n  area() { return this.size ** 2 }\n}\nexport class Closed {\n  #secret = 2\n  tell() { return this.#secret }\n}')
  assert.equal(
    (await value('[shape.area(), shape.kind(), shape instanceof Shape, shape instanceof Base, "gone" in shape, own.twice(), own instanceof Shape, closed.tell(), new Closed().tell()]'))!.replace(/\s+/g, ' '),
    "[ 9, 'new base', true, true, false, 8, true, 1, 2 ]",
  )
})

test('data and CommonJS are loaded anew too', async () => {
  write('data.json', '{ "n": 1 }')
  write('inner.cjs', 'exports.n = 1')
  write('outer.cjs', "exports.n = require('./inner.cjs').n * 10")
  await value("import data from './data.json'\nimport { n } from './outer.cjs'\nconst required = () => require('./outer.cjs').n + require('./data.json').n\nrequired()")
  write('data.json', '{ "n": 2 }')
  write('inner.cjs', 'exports.n = 2')
  assert.equal(await value('[data.n, n, required()]'), '[ 2, 20, 22 ]')
})

test('a dynamic import has the new code when it is done again; an import for its effects has them again', async () => {
  write('effect.ts', "globalThis.effect = 'first'\ndeclare global { var effect: string }")
  write('lazy.ts', 'export const n = 1')
  await value("import './effect.ts'\nconst load = () => import('./lazy.ts')\n;(await load()).n")
  write('effect.ts', "globalThis.effect = 'second'\ndeclare global { var effect: string }")
  write('lazy.ts', 'export const n = 2')
  assert.equal(await value('[effect, (await load()).n]'), "[ 'second', 2 ]")
})

test('a change with an error is shown once, with file, line and caret; what was there stays, until it is right again', async () => {
  write('edited.ts', "import { part } from './part.ts'\nexport const edited = () => `edited ${part}`")
  write('part.ts', 'export const part = 1')
  await value("import { edited } from './edited.ts'")
  write('part.ts', 'export const part = 2\nexport const more: = 3')
  const { stderr, result, reply } = await run(kernel, 'edited()')
  assert.deepEqual([reply.status, result], ['ok', "'edited 1'"])
  assert.match(stripColours(stderr), /^Could not be loaded anew, and what was there before stays: edited\.ts\nSyntaxError: .*\n.*part\.ts:2:20\n {4}export const more: = 3\n {4} {19}\^/)
  assert.equal(await value('edited()'), "'edited 1'")
  assert.match(plainTraceback(await run(kernel, "import { part } from './part.ts'")), /part\.ts:2:20/)
  write('part.ts', 'export const part = 2\nthrow new RangeError("at load")')
  assert.match(stripColours((await run(kernel, '1')).stderr), /RangeError: at load\n\s+at .*part\.ts:2:7/)
  write('part.ts', 'export const part = 3')
  assert.equal(await value('edited()'), "'edited 3'")
})

test('a file that is gone is told of; what it was stays, until it is there again', async () => {
  write('moved.ts', 'export const moved = 1')
  await value("import { moved } from './moved.ts'")
  rmSync(join(cwd, 'moved.ts'))
  const { stderr, result } = await run(kernel, 'moved')
  assert.equal(result, '1')
  assert.match(stripColours(stderr), /There is no file moved\.ts/)
  assert.equal(await value('moved'), '1')
  write('moved.ts', 'export const moved = 2')
  assert.equal(await value('moved'), '2')
})

test('a name that is declared otherwise since stays what it is', async () => {
  write('taken.ts', 'export const taken = 1, other = 1')
  await value("import { taken, other } from './taken.ts'")
  await value('const taken = "own"')
  write('taken.ts', 'export const taken = 2, other = 2')
  assert.equal(await value('[taken, other]'), "[ 'own', 2 ]")
})

test('%autoreload: 0 never, without a number now, 1 what %aimport names, 2 all but what it excepts', async () => {
  const files = ['x.ts', 'y.ts']
  let n = 0
  const change = () => (n++, files.forEach((file) => write(file, `export const ${file[0]} = ${n}`)), n)
  change()
  await value("import { x } from './x.ts'\nimport { y } from './y.ts'")
  await value('%autoreload 0')
  change()
  assert.equal(await value('[x, y]'), '[ 1, 1 ]')
  await value('%autoreload')
  assert.equal(await value('[x, y]'), '[ 2, 2 ]')
  await value('%autoreload explicit\n%aimport ./x.ts')
  change()
  assert.equal(await value('[x, y]'), '[ 3, 2 ]')
  assert.equal((await run(kernel, '%aimport')).stdout, 'Modules to reload:\nx.ts\n\nModules to skip:\n\n')
  await value('%aimport -./y.ts\n%autoreload 2')
  change()
  assert.equal(await value('[x, y]'), '[ 4, 2 ]')
  assert.equal((await run(kernel, '%aimport')).stdout, 'Modules to reload:\nall-except-skipped\n\nModules to skip:\ny.ts\n')
  await value('%aimport y.ts'.replace('y.ts', './y.ts'))
  assert.equal(await value('[x, y]'), '[ 4, 4 ]')
  assert.match(plainTraceback(await run(kernel, '%autoreload 4')), /%autoreload takes 0 \(off\)/)
  assert.match(plainTraceback(await run(kernel, '%aimport node:fs')), /node:fs is no local file/)
})

test('packages are not loaded anew', async () => {
  write('node_modules/pack/package.json', '{ "name": "pack", "type": "module", "exports": "./index.js" }')
  write('node_modules/pack/index.js', 'export const n = 1')
  await value("import { n as packed } from 'pack'")
  write('node_modules/pack/index.js', 'export const n = 2')
  assert.equal(await value('packed'), '1')
})

test('a reload that hangs is interrupted; what there was stays, and later interrupts are as quick as ever', async () => {
  write('hangs.ts', 'export const hung = 1')
  await value("import { hung } from './hangs.ts'")
  write('hangs.ts', 'await new Promise(() => setTimeout(() => {}, 1e6))\nexport const hung = 2')
  const cell = run(kernel, 'globalThis.went = true')
  await sleep(200)
  await kernel.interrupt()
  assert.equal((await cell).reply.ename, 'Interrupted')
  assert.equal(await value('[hung, globalThis.went]'), '[ 1, undefined ]')
  const spinning = run(kernel, 'for (;;);')
  await sleep(100)
  await kernel.interrupt()
  assert.equal((await spinning).reply.ename, 'Interrupted')
})
