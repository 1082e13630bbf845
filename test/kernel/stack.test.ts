import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel, stripColours } from './harness.ts'

const cwd = mkdtempSync(join(tmpdir(), 'hone-stack-'))
writeFileSync(
  join(cwd, 'decorated.ts'),
  `enum Colour { Red, Green }
function twice(value: () => number, _: ClassMethodDecoratorContext) {
  return function (this: unknown) { return 2 * value.call(this) }
}
export class Paint {
  constructor(private colour: Colour) {}
  @twice mix(): number {
    throw new RangeError(\`no \${this.colour}\`)
  }
}
`,
)
writeFileSync(join(cwd, 'view.tsx'), '/** @jsx h */\nfunction h(tag: string): never {\n  throw new TypeError(tag)\n}\nexport const view = () => <b>text</b>\n')
writeFileSync(join(cwd, 'broken.ts'), 'const fine = 1\nexport const broken: = 2\n')
const kernel = await startKernel({ cwd })

/** The traceback of a cell that fails; its cell number as N. */
async function traceback(code: string): Promise<string> {
  const outcome = await run(kernel, code)
  assert.equal(outcome.reply.status, 'error', code)
  const shown = plainTraceback(outcome).replaceAll(`cell ${outcome.reply.execution_count}`, 'cell N')
  assert.doesNotMatch(shown, /node:internal|dist\/kernel|__hone/)
  return shown
}

/** Source of a failing cell, with the line that its traceback must mark. */
const marked: Record<string, [code: string, line: string]> = {
  'types': ['type P = { x: number }\nfunction f<T extends P>(p: T | null): number {\n  return (p as P)!.x\n}\nf(null)', '> 3 |   return (p as P)!.x'],
  'an enum': ['enum E {\n  A,\n  B = 4,\n}\nnull!.toString(E.B)', '> 5 | null!.toString(E.B)'],
  'a namespace': ['namespace N {\n  export function f(): never {\n    throw new Error("in a namespace")\n  }\n}\nN.f()', '> 3 |     throw new Error("in a namespace")'],
  'a parameter property': ['class Q {\n  constructor(private n: number) {}\n  get v(): number {\n    throw new Error(String(this.n))\n  }\n}\nnew Q(1).v', '> 4 |     throw new Error(String(this.n))'],
  'decorators': ['const log = (value: unknown, _: ClassMethodDecoratorContext) => value\nclass D {\n  @log run() {\n    throw new Error("decorated")\n  }\n}\nnew D().run()', '> 4 |     throw new Error("decorated")'],
  'JSX': ['/** @jsx h */\nconst h = (tag: () => unknown) => tag()\nconst Part = () => {\n  throw new Error("in a part")\n}\nconst tree = <Part/>', '> 4 |   throw new Error("in a part")'],
  'a template of several lines': ['const t = `one\n${1 + 1}\nthree`\nthrow new Error(t)', '> 4 | throw new Error(t)'],
  'a callback': ['[1].map((v) => {\n  JSON.parse("{")\n})', '> 2 |   JSON.parse("{")'],
  'a using declaration': ['using held = { [Symbol.dispose]() {} }\n\nthrow new Error("held")', '> 3 | throw new Error("held")'],
  'a magic': ['%%time\nconst w = 1\nnull!.y', '> 3 | null!.y'],
  'a constant enum': ['const enum CE { X = 1 }\nconst v = CE.X\nthrow new Error(String(v))', '> 3 | throw new Error'],
  'an abstract class with fields': ['abstract class Q<T extends object> {\n  declare z: number\n  constructor(protected readonly n: T) {}\n  run(): T {\n    throw new Error("abstract")\n  }\n}\nclass R extends Q<{}> {}\nnew R({}).run()', '> 5 |     throw new Error("abstract")'],
  'the initial value of a private field': ['class CF {\n  a = 1\n  #b = (() => {\n    throw new Error("field")\n  })()\n}\nnew CF()', '> 4 |     throw new Error("field")'],
  'a static block': ['class SB {\n  static x: number\n  static {\n    this.x = null!.foo\n  }\n}', '> 4 |     this.x = null!.foo'],
  'a class decorator that throws': ['function bad(_: unknown, c: ClassDecoratorContext): any {\n  throw new Error(String(c.name))\n}\n@bad\nclass DD {}', '> 2 |   throw new Error(String(c.name))'],
  'a field decorator that throws': ['const field = (_: undefined, c: ClassFieldDecoratorContext) => (v: number) => {\n  throw new Error("decorated field")\n}\nclass FF {\n  @field x = 2\n}\nnew FF()', '> 2 |   throw new Error("decorated field")'],
  'an attribute of JSX': ['/** @jsx h */\nconst h = (t: any, p: any, ...c: any[]) => ({ t, p, c })\nconst el = <div\n  a={1}\n  b={(() => {\n    throw new Error("attribute")\n  })()}\n/>', '> 6 |     throw new Error("attribute")'],
  'JSX beside a generic arrow': ['/** @jsx h */\nconst id = <T,>(x: T) => x\nconst q = <b>{id(1)}</b>\nundefined!.foo', '> 4 | undefined!.foo'],
  'a generic arrow': ['const ga = <T extends { x: number }>(a: T | null): number => {\n  return a!.x\n}\nga(null)', '> 2 |   return a!.x'],
  'satisfies and as': ['const s = { a: 1 } satisfies Record<string, number>\n;(s as any).b.c', '> 2 | ;(s as any).b.c'],
  'within a template of several lines': ['const t2 = `a\n${[1,\n2].map((n) => {\n  if (n === 2) throw new Error(`in\ntemplate`)\n  return n\n})}`', '> 4 |   if (n === 2) throw new Error(`in'],
  'a disposal that throws': ['{\n  using r = { [Symbol.dispose]() {\n    throw new Error("disposal")\n  } }\n}', '> 3 |     throw new Error("disposal")'],
  'a loop without braces': ['let w = 0\nwhile (w++ < 5)\n  if (w === 3) Math.max(null!.q)', '> 3 |   if (w === 3) Math.max(null!.q)'],
  'an async generator': ['for await (const x of (async function* () {\n  yield 1\n  throw new Error("generator")\n})()) {\n}', '> 3 |   throw new Error("generator")'],
  'a reaction of a promise': ['await Promise.resolve(1).then(() => {\n  throw new Error("then")\n})', '> 2 |   throw new Error("then")'],
  'a rejection': ['await 1\nawait Promise.reject(new Error("rejected"))', '> 2 | await Promise.reject(new Error("rejected"))'],
  'an error of Node': ["import fs from 'node:fs'\nfs.readFileSync('/no/such/file')", "> 2 | fs.readFileSync('/no/such/file')"],
  'evaluated code': ['\n(0, eval)("throw new Error(1)")', '> 2 | (0, eval)'],
  'code of another realm': ["import vm from 'node:vm'\nvm.runInNewContext('x.y', { x: undefined }, 'ctx.js')", "> 2 | vm.runInNewContext"],
  'a display that throws': ["({ [Symbol.for('Jupyter.display')]() {\n  throw new Error('display')\n} })", "> 2 |   throw new Error('display')"],
  'a thrown text': ['function f(): never {\n  throw "text"\n}\nf()', '> 2 |   throw "text"'],
  'a thrown object, after an await': ['await null\nthrow { code: 7 }', '> 2 | throw { code: 7 }'],
  'lines that end as on Windows': ['const c1 = 1\r\nconst c2 = 2\r\nnull!.x', '> 3 | null!.x'],
}
for (const [name, [code, line]] of Object.entries(marked)) {
  test(`the line that was typed is marked: ${name}`, async () => {
    const shown = await traceback(code)
    assert.ok(shown.includes(line), shown)
    assert.doesNotMatch(shown, /cell_\d+\.ts|__decorate|__callDispose|__runInit/)
  })
}

test('the caret is under its place after tabs and wide characters, and in a long line', async () => {
  assert.match(await traceback('\tconst q1 = 1\n\t\tnull!.x'), /> 2 \| \t\tnull!\.x\n {4}\| \t\t {6}\^/)
  assert.match(await traceback('const wide = "日本😀e\u0301"; null!.x'), /; null!\.x\n {4}\| {31}\^/)
  const [line, caret] = /> 1 \| (.*)\n {4}\| ( *\^)/.exec(await traceback(`const long = "${'x'.repeat(300)}"; null!.x; const more = "${'y'.repeat(300)}"`))!.slice(1)
  assert.ok(line!.length < 130 && line!.startsWith('…') && line!.endsWith('…'))
  assert.equal(line![caret!.length - 1], 'x')
})

test('a recursion is shown once, of a long stack both ends, and an error tells what it says beside its message', async () => {
  assert.match(await traceback('const rec = (n: number): number => rec(n + 1) + 1\nrec(0)'), /RangeError: Maximum call stack size exceeded\n.*\n.*, \d\d times\n\ncell/)
  const long = await traceback(`${Array.from({ length: 40 }, (_, i) => `const f${i} = (): unknown => ${i === 0 ? 'null!.x' : `f${i - 1}()`}`).join('\n')}\nf39()`)
  assert.match(long, /at f0 [^]*\.\.\. \d+ more[^]*at f39 [^]*cell N:41:1/)
  assert.match(await traceback('throw Object.assign(new Error("props"), { code: "E1", detail: { a: 1 } })'), /^Error: props\n {2}\{ code: 'E1', detail: \{ a: 1 \} \}\n/)
})

test('what a disposal throws, and what it suppresses, are both shown', async () => {
  const shown = await traceback('using r2 = { [Symbol.dispose]() { throw new Error("closing") } }\nthrow new Error("working")')
  assert.match(shown, /^SuppressedError[^]*Thrown last: Error: closing[^]*Suppressed: Error: working\n.*cell N:2/)
})

test('async callers are in the stack, each with its line', async () => {
  const shown = await traceback('async function inner() {\n  await null\n  throw new Error("late")\n}\nasync function outer() {\n  await inner()\n}\nawait outer()')
  assert.match(shown, /at inner \(cell N:3:\d+\)\n.*at async outer \(cell N:6:\d+\)\n.*at async cell N:8/)
})

test('an error in a function of an earlier cell shows that cell, though later ones redefine what it is made of', async () => {
  const { reply } = await run(kernel, 'enum Kind { A }\nfunction early(): never {\n  throw new Error(`early ${Kind.A}`)\n}')
  const shown = await traceback('enum Kind { B }\nearly()')
  assert.match(shown, new RegExp(`at early \\(cell ${reply.execution_count}:3:\\d+\\)\\n.*cell N:2:1`))
  assert.match(shown, new RegExp(`cell ${reply.execution_count}, line 3[^]*> 3 \\|   throw new Error`))
})

test('imported TypeScript with enums and decorators, and imported JSX, show their own lines', async () => {
  assert.match(await traceback("import { Paint } from './decorated.ts'\nnew Paint(1).mix()"), /RangeError: no 1\n.*at Paint\.mix \(.*decorated\.ts:8:\d+\)[^]*cell N:2/)
  assert.match(await traceback("import { view } from './view.tsx'\nview()"), /TypeError: b\n.*view\.tsx:3:\d+\)\n.*view\.tsx:5:\d+/)
})

test('a syntax error in an imported file shows its place with a caret', async () => {
  assert.match(await traceback("import { broken } from './broken.ts'"), /broken\.ts:2:22\n\s+export const broken: = 2\n {4} {21}\^/)
})

const carets: Record<string, [code: string, excerpt: RegExp]> = {
  'a type that is missing': ['const ok = 1\nconst broken: = 2', /> 2 \| const broken: = 2\n +\| {15}\^/],
  'a bracket that is missing': ['const o = {\n  b: [1, 2\n}', /> 3 \| }\n +\| \^/],
  'a name declared twice': ['let a1 = 1; let a1 = 2', /> 1 \| let a1 = 1; let a1 = 2\n +\| {17}\^/],
  'a decorator without its class': ['const fine = 1\n@log\nconst x = 1', /> 2 \| @log\n +\| \^/],
  'JSX that is not closed': ['const x = <div>\n  <b></c>\n</div>', /> 2 \| {3}<b><\/c>\n +\| {8}\^/],
  'a character beyond the basic plane before it': ["'😀'; @ ?", /> 1 \| '😀'; @ \?\n +\| {9}\^/],
}
for (const [name, [code, excerpt]] of Object.entries(carets)) {
  test(`a syntax error has a caret under its place: ${name}`, async () => {
    const shown = await traceback(code)
    assert.match(shown, /^SyntaxError: /)
    assert.match(shown, excerpt)
  })
}

test('causes to any depth, and the parts of an AggregateError with theirs, are shown once', async () => {
  const deep = await traceback('throw new Error("a", { cause: new TypeError("b", { cause: "c" }) })')
  assert.match(deep, /^Error: a[^]*Caused by: TypeError: b[^]*Caused by: Thrown: 'c'$/)
  const parts = await traceback('throw new AggregateError([new Error("one", { cause: new Error("why") }), 2], "many")')
  assert.match(parts, /^AggregateError: many[^]*\[0\] Error: one[^]*Caused by: Error: why[^]*\[1\] Thrown: 2/)
  const circle = await traceback('const circle = new Error("round"); circle.cause = circle; throw circle')
  assert.equal(circle.match(/Error: round/g)?.length, 1)
})

test('whatever is thrown is shown', async () => {
  const thrown: Record<string, RegExp> = { undefined: /Thrown: undefined/, null: /Thrown: null/, "'text'": /Thrown: 'text'/, '{ code: 7 }': /Thrown: \{ code: 7 \}/, 'Symbol("s")': /Thrown: Symbol\(s\)/ }
  for (const [value, expected] of Object.entries(thrown)) assert.match(await traceback(`throw ${value}`), expected)
  const hostile = await run(kernel, 'throw new (class extends Error { get name(): string { throw 1 } get message(): string { throw 2 } })()')
  assert.equal(hostile.reply.status, 'error')
  assert.equal((await run(kernel, '1 + 1')).result, '2')
})

test('a rejection that nobody handles and an exception of a timer name their lines', async () => {
  const { stderr, reply } = await run(kernel, "Promise.reject(new Error('lost'))\nsetTimeout(() => {\n  throw new Error('late')\n}, 1)\nawait new Promise((resolve) => setTimeout(resolve, 200))")
  const cell = `cell ${reply.execution_count}`
  assert.match(stripColours(stderr), new RegExp(`lost\\n.*${cell}:1[^]*late\\n.*${cell}:3`))
})

test('what using holds is disposed of at the end of the cell, in turn and whatever happens', async () => {
  await run(kernel, 'const open = (name: string) => ({ name, [Symbol.dispose]() { console.log("closed", name) } })')
  const fine = await run(kernel, 'using a = open("a")\nusing b = open("b")\nconsole.log("using", a.name)\nb.name')
  assert.equal(fine.stdout, 'using a\nclosed b\nclosed a\n')
  assert.equal(fine.result, "'b'")
  assert.equal((await run(kernel, 'using c = open("c")\nthrow new Error("no")')).stdout, 'closed c\n')
  for (const wait of ['for (;;);', 'await new Promise(() => {})']) {
    const cell = run(kernel, `await using e = { [Symbol.asyncDispose]: async () => { await null; console.log("closed e") } }\nusing f = open("f")\n${wait}`)
    await sleep(200)
    await kernel.interrupt()
    const { reply, stdout } = await cell
    assert.equal(reply.ename, 'Interrupted')
    assert.match(stdout, /^closed f\n(closed e\n)?$/)
  }
  assert.equal((await run(kernel, 'await using d = { async [Symbol.asyncDispose]() { await null; console.log("closed d") } }\n1')).stdout, 'closed d\n')
})

test('JSX: the pragma is honoured, without one it is React that is asked for', async () => {
  const { result } = await run(kernel, '/** @jsx h */\nconst h = (tag: string, props: object | null, ...children: unknown[]) => ({ tag, props, children })\nconst tree = <p id="a">{1 + 1}</p>\ntree')
  assert.equal(result, "{ tag: 'p', props: { id: 'a' }, children: [ 2 ] }")
  assert.match(await traceback('const tree = <p/>'), /ReferenceError: React is not defined/)
})

test("a tsconfig.json's automatic JSX is honoured", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-jsx-'))
  writeFileSync(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "tiny" }, } // as people write it')
  const module = join(folder, 'node_modules', 'tiny')
  mkdirSync(module, { recursive: true })
  writeFileSync(join(module, 'package.json'), '{ "name": "tiny", "type": "module", "exports": { "./jsx-runtime": "./runtime.js" } }')
  writeFileSync(join(module, 'runtime.js'), 'export const jsx = (tag, props) => ({ tag, props })')
  const project = await startKernel({ cwd: folder })
  assert.equal((await run(project, 'const tree = <p>text</p>\ntree')).result, "{ tag: 'p', props: { children: 'text' } }")
})
