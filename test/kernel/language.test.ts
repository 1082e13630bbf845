import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, startKernel } from './harness.ts'

const cwd = mkdtempSync(join(tmpdir(), 'hone-language-'))
writeFileSync(join(cwd, 'local.ts'), '/** Doubles a number. */\nexport function double(value: number): number {\n  return 2 * value\n}\n')
writeFileSync(join(cwd, 'data.csv'), 'a,b\n')
mkdirSync(join(cwd, 'tables'))
writePackage('typed', 'export interface Settings { depth: number }\nexport declare function configure(settings: Settings): string')
const kernel = await startKernel({ cwd })

function writePackage(name: string, types: string): void {
  const folder = join(cwd, 'node_modules', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', main: 'index.js', types: 'index.d.ts' }))
  writeFileSync(join(folder, 'index.js'), 'export const configure = ({ depth }) => `depth ${depth}`')
  writeFileSync(join(folder, 'index.d.ts'), types)
}

interface Completion {
  matches: string[]
  cursor_start: number
  cursor_end: number
  metadata: { _jupyter_types_experimental: { text: string; type: string; signature?: string; documentation?: string }[] }
}

/** Text with a `|` where the cursor is. */
function place(marked: string) {
  const [before, after] = marked.split('|')
  return { code: before! + after!, cursor_pos: Array.from(before!).length }
}

async function complete(marked: string): Promise<Completion> {
  return (await kernel.request('shell', 'complete_request', place(marked))).content as unknown as Completion
}

async function inspect(marked: string, detail_level = 0): Promise<{ found: boolean; data: Record<string, string> }> {
  return (await kernel.request('shell', 'inspect_request', { ...place(marked), detail_level })).content as never
}

/** Inspects until the value is there, too: a busy machine may take longer than the kernel waits for it. */
async function shows(marked: string, format: string, expected: RegExp): Promise<void> {
  let text = ''
  for (let tries = 0; tries < 40 && !expected.test(text); tries++) text = (await inspect(marked)).data[format] ?? ''
  assert.match(text, expected)
}

/** The type errors shown beside a cell's output. */
async function typeErrors(code: string, asked = kernel): Promise<string> {
  const { outputs } = await run(asked, code)
  const shown = outputs.map(({ header, content }) => (header.msg_type === 'display_data' ? (content.data as Record<string, string>)['text/plain']! : ''))
  return shown.filter((text) => /\(TS\d+\)/.test(text)).join('\n')
}

test("the very first cell's type errors are shown", async () => {
  assert.match(await typeErrors("const first: number = 'one'", await startKernel()), /TS2322/)
})

await run(kernel, '/** What is asked about. */\nconst subject = { name: "x", size: 3 }\nlet counter: number | undefined = 1\nclass Box<T> {\n  /** What is in it. */\n  content!: T\n}\ntype Pair = [number, string]')

test('members come from types, with kind, signature and documentation', async () => {
  const { matches, cursor_start, cursor_end, metadata } = await complete('new Box<Date>().cont|')
  assert.deepEqual([matches, cursor_start, cursor_end], [['content'], 16, 20])
  const { _jupyter_types_experimental: [first] } = metadata
  assert.match(`${first!.type} ${first!.signature} ${first!.documentation}`, /field.*Box<Date>\.content: Date.*What is in it/)
  assert.ok((await complete('new Box<Date>().content.getT|')).matches.includes('getTime'))
})

test('names of earlier cells, of this one and of the kernel; types among them', async () => {
  assert.deepEqual((await complete('subj|')).matches, ['subject'])
  assert.deepEqual((await complete('const subtle = 1\nsubt|')).matches, ['subtle'])
  assert.ok((await complete('const p: Pai|')).matches.includes('Pair'))
  for (const name of ['display', 'require', '__dirname']) assert.ok((await complete(`${name.slice(0, -1)}|`)).matches.includes(name), name)
  assert.ok(!(await complete('__ho|')).matches.includes('__hone'))
})

test('positions count code points, on every line', async () => {
  const { matches, cursor_start, cursor_end } = await complete("'😀'\n'😀'; subject.na|; 1")
  assert.deepEqual([matches, cursor_start, cursor_end], [['name'], 17, 19])
})

test('what is imported and from where: packages, built-in modules, local files and their names', async () => {
  assert.ok((await complete("import { conf| } from 'typed'")).matches.includes('configure'))
  assert.ok((await complete("import fs from 'node:f|'")).matches.includes('node:fs'))
  assert.ok((await complete("import {} from './lo|'")).matches.includes('local'))
  assert.ok((await complete("import { dou| } from './local.ts'")).matches.includes('double'))
  assert.ok((await complete("import { ben| } from 'honejs'")).matches.includes('bench'))
})

test('packages that the kernel provides are proposed and typed, the optional ones too', async () => {
  assert.deepEqual((await complete("import { DataFrame } from 'danfo|'")).matches, ['danfojs-node'])
  assert.deepEqual((await complete("import * as tf from '@tensorflow/|'")).matches, ['tfjs'])
})

test('an imported function, class or namespace has its own kind and no path of this machine', async () => {
  await run(kernel, "import { bench, data, Tensor } from 'honejs'")
  for (const [name, kind] of [['bench', 'function'], ['Tensor', 'class'], ['data', 'module']]) {
    const { matches, metadata } = await complete(`${name}|`)
    const { _jupyter_types_experimental: types } = metadata
    const match = types[matches.indexOf(name!)]!
    assert.equal(match.type, kind)
    assert.doesNotMatch(match.signature!, /alias|dist/)
  }
  assert.match((await inspect('dat|a')).data['text/plain']!, /^namespace data$/)
})

test('what a function has of its own comes before what all functions have', async () => {
  const { matches } = await complete('display.|')
  assert.ok(matches.indexOf('markdown') < matches.indexOf('apply'))
})

test('keys in brackets, from types and from values, and nothing else', async () => {
  assert.deepEqual((await complete("subject['|']")).matches, ['name', 'size'])
  await run(kernel, 'Object.assign(globalThis, { keyed: { alpha: 1 } })')
  assert.deepEqual((await complete("keyed['al|']")).matches, ['alpha'])
})

test('paths in strings and in the arguments of magics', async () => {
  assert.deepEqual((await complete("readFile('./da|')")).matches, ['data.csv'])
  assert.deepEqual((await complete("readFile('tab|')")).matches, ['tables/'])
  assert.deepEqual((await complete('%cd tab|')).matches, ['tables/'])
  assert.deepEqual((await complete('%%bash\ncat data|')).matches, ['data.csv'])
})

test('magics, and TypeScript behind those that take it', async () => {
  assert.deepEqual((await complete('%timei|')).matches, ['timeit'])
  assert.ok(!(await complete('%%lsmag|')).matches.includes('lsmagic'))
  assert.ok((await complete('%time subject.si|')).matches.includes('size'))
  assert.ok((await complete('%%time\nsubject.si|')).matches.includes('size'))
  assert.deepEqual((await complete('const taken = %timei|')).matches, ['timeit'])
})

test('what the argument of a magic may be', async () => {
  assert.deepEqual((await complete('%typecheck st|')).matches, ['strict'])
  assert.ok((await complete('%config |')).matches.includes('rows'))
  assert.ok((await complete('%env PA|')).matches.includes('PATH'))
})

test('values that no type tells of are completed from the session', async () => {
  await run(kernel, 'Object.assign(globalThis, { untyped: { alpha: 1, beta: { gamma: 2 } } })')
  assert.deepEqual((await complete('untyp|')).matches, ['untyped'])
  assert.deepEqual((await complete('untyped.be|')).matches, ['beta'])
  assert.ok((await complete('untyped.beta.g|')).matches.includes('gamma'))
})

test('where no name can stand, in a comment or a text, none is proposed', async () => {
  assert.deepEqual((await complete('// subj|')).matches, [])
  assert.deepEqual((await complete('/* [1].m|')).matches, [])
  assert.deepEqual((await complete("'a subj|'")).matches, [])
})

for (const [what, wait] of Object.entries({ spins: '{}', awaits: 'await new Promise((resolve) => setTimeout(resolve, 10))' })) {
  test(`while a cell ${what}, completion and inspection go on`, async () => {
    const cell = run(kernel, `import { existsSync } from 'node:fs'; while (!existsSync('${what}')) ${wait}; "done"`)
    await sleep(100)
    const isDone = cell.then(() => true)
    assert.deepEqual((await complete('subject.na|')).matches, ['name'])
    assert.match((await inspect('subj|ect')).data['text/plain']!, /name: string/)
    assert.equal(await Promise.race([isDone, false]), false)
    writeFileSync(join(cwd, what), '')
    assert.equal((await cell).result, "'done'")
  })
}

test('a name that is declared again has its newest type, in this cell and for later ones', async () => {
  await run(kernel, 'const renewed = 1')
  assert.equal(await typeErrors("const renewed = 'text'\nconst shout: string = renewed.toUpperCase()"), '')
  assert.ok((await complete('renewed.toUpp|')).matches.includes('toUpperCase'))
  await run(kernel, 'const derived = [renewed]')
  await run(kernel, 'const renewed = derived.length')
  assert.ok((await complete('renewed.toFi|')).matches.includes('toFixed'))
  assert.ok((await complete('derived[0].toUpp|')).matches.includes('toUpperCase'))
})

test('inspection: signature, documentation and the value that it has now', async () => {
  await shows('subject.na|me; subject', 'text/plain', /name: string[^]*Value: "x"/)
  await shows('sub|ject', 'text/markdown', /```typescript\nconst subject[^]*What is asked about\.[^]*Value: `\{ name: x, size: 3 \}`/)
  await run(kernel, 'const weights = new Float32Array([0.5, 1, 2])')
  await shows('weights|', 'text/plain', /Float32Array\(3\) \[ 0\.5, 1, 2 \]/)
  await run(kernel, 'const shaped = { shape: [2, 3] }, long = new Uint8Array(1e6)')
  await shows('shaped|', 'text/plain', /, shape \[2, 3\]$/)
  await shows('long|', 'text/plain', /Uint8Array\(1000000\) \[ (0, ){10}… \]$/)
  assert.match((await inspect('%tim|e')).data['text/plain']!, /%time time one run/)
  assert.deepEqual(await inspect('nothing_known|'), { status: 'ok', found: false, data: {}, metadata: {} } as never)
})

test('where the arguments of a call stand, the function is inspected', async () => {
  await run(kernel, '/** The sum. */\nfunction add(a: number, b = 2) { return a + b }')
  for (const marked of ['add(|', 'add(1, |)', '[add({ a: 1 }, |']) assert.match((await inspect(marked)).data['text/plain']!, /function add\(a: number, b\?: number\): number\nThe sum\./)
})

test('name? and name?? are answered in the pager, beside what else the cell does', async () => {
  await run(kernel, '/** Twice as much. */\nfunction twice(value: number) {\n  return value * 2\n}')
  const asked = await run(kernel, 'twice(4)\ntwice?')
  assert.equal(asked.result, '8')
  const [page] = asked.reply.payload as { source: string; data: Record<string, string> }[]
  assert.equal(page!.source, 'page')
  assert.match(page!.data['text/plain']!, /function twice\(value: number\): number\nTwice as much\./)
  const [withSource] = (await run(kernel, 'twice??')).reply.payload as { data: Record<string, string> }[]
  assert.match(withSource!.data['text/plain']!, /function twice\(value: number\) \{\n {2}return value \* 2\n\}$/)
  const [magic] = (await run(kernel, '%timeit?')).reply.payload as { data: Record<string, string> }[]
  assert.match(magic!.data['text/plain']!, /time many runs/)
  assert.equal((await run(kernel, 'const chosen = twice\n?\n1 : 2\nchosen')).result, '1')
})

test('a type error is shown beside the output and blocks nothing; stderr stays empty', async () => {
  const code = 'const wrong: number = "seven"\nwrong'
  const { reply, outputs, stderr, result } = await run(kernel, code)
  assert.deepEqual([reply.status, result, stderr], ['ok', "'seven'", ''])
  const { data } = outputs.find(({ header }) => header.msg_type === 'display_data')!.content as { data: Record<string, string> }
  assert.match(data['text/plain']!, new RegExp(`^cell ${reply.execution_count}:1:7 Type 'string' is not assignable to type 'number'\\. \\(TS2322\\)\\n {4}const wrong: number = "seven"\\n {10}~~~~~$`))
  assert.match(data['text/html']!, /is not assignable/)
})

test('what notebooks do is no type error', async () => {
  const cells = [
    'counter = 2; counter++; counter = undefined',
    'const top = await Promise.resolve(5); for (var index = 0; index < 2; index++);',
    'index + top',
    'function untypedParameter(a) { return a }',
    'let gathered = []',
    'gathered.push(1); gathered.map((value) => value)',
    'gathered.length',
    'export const exported = 1\nexport function exporting() { return exported }',
    'exporting() + exported',
    'declare global { var declared: number }\nglobalThis.declared = 4',
    'declared + 1',
    '%time 1 + 1\nconst { a: [first], ...rest } = { a: [1], b: 2 }',
    'rest.b + first',
    "import { configure, type Settings } from 'typed'\nconst settings: Settings = { depth: 2 }",
    'configure(settings)',
    'enum Level { Low, High }\nnamespace Deep { export const value = Level.High }',
    'const level: Level = Deep.value\nlevel',
    "import { double } from './local.ts'\ndouble(2)",
    'display(1, { id: "shown" }).update(2)',
    'untyped.alpha',
    '/** @jsx make */\nconst make = (tag: string, _: unknown) => tag\nconst element = <p>x</p>',
    '/** @jsx make */\nconst another = <i/>',
  ]
  for (const code of cells) {
    assert.equal(await typeErrors(code), '', code)
    const { reply } = await run(kernel, code)
    assert.equal(reply.status, 'ok', `${code}: ${reply.evalue}`)
  }
})

test('what is wrong across cells is found', async () => {
  await run(kernel, 'const fixed = 1\nlet text = "a"')
  assert.match(await typeErrors('fixed = 2'), /Cannot assign to 'fixed' because it is a constant/)
  assert.match(await typeErrors('text = 5'), /'number' is not assignable to type 'string'/)
  assert.match(await typeErrors("import { configure } from 'typed'\nconfigure({ depth: 'x' })"), /'string' is not assignable to type 'number'/)
})

test('a local file that changed has its new types', async () => {
  await run(kernel, "import { double } from './local.ts'\nconst four: number = double(2)")
  writeFileSync(join(cwd, 'local.ts'), 'export function double(value: number): string {\n  return String(2 * value)\n}\n')
  assert.match(await typeErrors("import { double } from './local.ts'\nconst four: number = double(2)"), /'string' is not assignable/)
})

test('a package that is installed while the kernel runs has its types', async () => {
  assert.match(await typeErrors("import { configure as later } from 'installed'"), /Cannot find module 'installed'/)
  writePackage('installed', 'export declare function configure(settings: { depth: number }): boolean')
  assert.equal(await typeErrors("import { configure as later } from 'installed'\nconst answer: boolean = later({ depth: 1 })"), '')
  assert.ok((await complete("import { conf| } from 'installed'")).matches.includes('configure'))
})

test('a tsconfig.json beside the notebook is honoured: its strictness and its paths', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-project-'))
  mkdirSync(join(folder, 'source'))
  writeFileSync(join(folder, 'source', 'values.ts'), 'export const seven = 7\n')
  writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "strict": true, "noImplicitAny": true, "paths": { "@/*": ["./source/*"] } } }')
  const project = await startKernel({ cwd: folder })
  assert.match(await typeErrors('function implicit(a) { return a }', project), /implicitly has an 'any' type/)
  const { content } = await project.request('shell', 'complete_request', place("import { se| } from '@/values'"))
  assert.ok((content.matches as string[]).includes('seven'))
})

test('%typecheck: strict keeps a wrong cell from running, off is silent, on shows again', async () => {
  await run(kernel, '%typecheck strict')
  const refused = await run(kernel, 'globalThis.ran = true\nconst strictly: number = "x"')
  assert.deepEqual([refused.reply.status, refused.reply.ename], ['error', 'TypeScriptError'])
  assert.match(refused.reply.traceback!.join('\n'), /:2:7 Type 'string' is not assignable/)
  assert.equal((await run(kernel, "'ran' in globalThis")).result, 'false')
  await run(kernel, '%typecheck off')
  assert.equal(await typeErrors('const silently: number = "x"'), '')
  await run(kernel, '%typecheck on')
  assert.match(await typeErrors('const shown: number = "x"'), /TS2322/)
  assert.equal((await run(kernel, '%typecheck maybe')).reply.status, 'error')
})

const indents: Record<string, string> = {
  'function f() {': '  ',
  'function f() {\n  if (x) {\n    g()\n  }\n': '  ',
  'if (x) {\n    g()\n': '    ',
  'call(a,': '  ',
  'const f = (x: number) =>': '  ',
  'const a = [\n  1,': '  ',
  'x +': '  ',
  'class A<T> {': '  ',
  'interface I {': '  ',
  'enum E { A,': '  ',
  '@sealed': '  ',
  'const j = <div>': '  ',
  'if (x)': '  ',
  '`two\n': '',
  '/* two\n': '',
  'let n = `${': '  ',
  'import { a }': '  ',
  '`a ${1}': '',
  '`${`': '',
  "'one \\": '',
  'const g = <T>(x: T) => {': '  ',
  'const h = (a: number): Promise<': '  ',
  'const i = (a: number): {': '  ',
  'function f()': '  ',
  'await': '  ',
  'a?.': '  ',
  '<div>some text': '  ',
  'try {} catch': '  ',
  'outer:': '  ',
  'switch (x) {\n  case 1:\n    g()\n': '    ',
}

test('is_complete knows what is not done, and the indent of the next line', async () => {
  for (const [code, indent] of Object.entries(indents)) {
    const { content } = await kernel.request('shell', 'is_complete_request', { code })
    assert.deepEqual([code, content], [code, { status: 'incomplete', indent }])
  }
})

test('is_complete knows what is done and what is wrong', async () => {
  const complete = ['', '1', '`${ { a: 1 }.a }`', "const text = `a`\n!ls", 'function f() {}', 'declare function f(): void', 'outer: for (;;) { break outer }', '/[`]/', 'if (x) {}\n', 'const x: number = 1', 'enum E { A }', '@sealed class A {}', 'const j = <a/>', 'using f = open()', 'await x', '// note', '%time f(', 'name??', '%%html\n<p>\n']
  const invalid = ['const = ', 'foo(]', "'abc", '1 1', '}', 'let x = ;', 'let a; let a', 'return 1', "'one \\\\", '1e', '/abc', '(a): 5', 'if (a: b) {', 'else']
  for (const [status, codes] of Object.entries({ complete, invalid })) {
    for (const code of codes) assert.deepEqual([code, (await kernel.request('shell', 'is_complete_request', { code })).content.status], [code, status])
  }
})

test('many names, declared again and again, keep their newest types', async () => {
  await run(kernel, Array.from({ length: 300 }, (_, index) => `const many${index} = ${index}`).join('\n'))
  for (let round = 0; round < 20; round++) await run(kernel, `const many${round} = 'round ${round}'\nmany299 + ${round}`)
  assert.ok((await complete('many7.toUpp|')).matches.includes('toUpperCase'))
  assert.ok((await complete('many299.toFi|')).matches.includes('toFixed'))
})

test('values are looked at while code runs under a timeout of vm, and the timeout ends it all the same', async () => {
  await run(kernel, "import vm from 'node:vm'\nconst seen = [1, { get slow() { for (;;) {} } }]")
  let isDone = false
  const cell = run(kernel, "let ended = 0\nfor (let i = 0; i < 25; i++) {\n  try { vm.runInThisContext('for (;;);', { timeout: 5 + i }) } catch { ended++ }\n  if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2))\n}\nended", { timeout: 20 }).finally(() => (isDone = true))
  while (!isDone) await kernel.request('shell', 'inspect_request', { code: 'seen', cursor_pos: 4, detail_level: 0 })
  assert.equal((await cell).result, '25')
})
