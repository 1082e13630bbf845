import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, startKernel } from './harness.ts'

const cwd = mkdtempSync(join(tmpdir(), 'hone-cells-'))
writeFileSync(join(cwd, 'shapes.ts'), 'export interface Square { side: number }\nexport enum Colour { Red, Green }\nexport const area = ({ side }: Square): number => side ** 2\n')
writeFileSync(join(cwd, 'plain.js'), 'export default 7\nexport const name = "plain"\n')
const kernel = await startKernel({ cwd })

/** Cells one after the other; the last one's value as text. */
async function value(...cells: readonly string[]): Promise<string | undefined> {
  const outcomes = []
  for (const cell of cells) outcomes.push(await run(kernel, cell))
  const failed = outcomes.find(({ reply }) => reply.status !== 'ok')
  assert.equal(failed, undefined, failed?.reply.traceback?.join('\n'))
  return outcomes.at(-1)!.result
}

const cells: readonly [name: string, cells: readonly string[], result: string | undefined][] = [
  ['types are removed', ['interface P { x: number }\nconst p: P = { x: 1 } satisfies P\nfunction id<T>(x: T): T { return x }\nid<number>(p!.x as number)'], '1'],
  ['enums, namespaces and parameter properties', ['enum E { A = 2, B }\nnamespace N { export const z = 4 }\nclass C { constructor(private a: number) {} get b() { return this.a } };\n[E.B, E[2], N.z, new C(5).b]'], "[ 3, 'A', 4, 5 ]"],
  ['top-level await', ['const waited = await Promise.resolve(6)\nwaited'], '6'],
  ['a static import of a package', ["import { zipSync, type Zippable } from 'fflate'\ntypeof zipSync"], "'function'"],
  ['a default and a namespace import', ["import path, * as all from 'node:path';\n[path.sep, all.posix.sep]"], "[ '/', '/' ]"],
  ['an import of a local TypeScript file', ["import { area, Colour, type Square } from './shapes.ts'\nconst square: Square = { side: 3 };\n[area(square), Colour.Green]"], '[ 9, 1 ]'],
  ['dynamic imports of packages and files', ["const { default: seven, name } = await import('./plain.js');\n[seven, name, typeof (await import('fflate')).gzipSync]"], "[ 7, 'plain', 'function' ]"],
  ['an import of types alone vanishes', ["import type { Nothing } from 'no-such-package'\n1"], '1'],
  ['const after const', ['const again = 1', 'const again = 2\nagain'], '2'],
  ['a const becomes a function, a class, an import', ['const turns = 1', 'function turns() { return 2 }', 'class turns { static three = 3 }', "import { sep as turns } from 'node:path'\nturns"], "'/'"],
  ['functions are there before their line', ['const soon = early()\nfunction early() { return 8 }\nsoon'], '8'],
  ['closures of an earlier cell see a later value', ['let shared = 1\nconst read = () => shared', 'shared = 5\nread()'], '5'],
  ['destructuring with defaults', ['const { a: { b = 3 } = {}, ...rest } = { c: 4 } as any\nconst [first, , third = 9] = [1, 2];\n[b, rest.c, first, third]'], '[ 3, 4, 1, 9 ]'],
  ['loops declare what they declare', ['var total = 0\nfor (var i = 0; i < 3; i++) total += i\nfor (const k of [1, 2]) total += k;\n[total, i]'], '[ 6, 3 ]'],
  ['the last value of a cell that ends in a semicolon', ['3 + 4;'], '7'],
  ['undefined is not shown', ['undefined'], undefined],
  ['a declaration is not shown', ['const quiet = 3'], undefined],
  ['an object literal in brackets', ['({ x: 1 })'], '{ x: 1 }'],
  ['import.meta and this folder', [`import.meta.dirname === ${JSON.stringify(cwd)}`], 'true'],
]

for (const [name, sources, result] of cells) test(name, async () => assert.equal(await value(...sources), result))

test('a missing package: the error names it', async () => {
  const { reply } = await run(kernel, "import x from 'no-such-package'")
  assert.equal(reply.status, 'error')
  assert.match(String(reply.evalue), /no-such-package/)
})

test('execution counts: a silent cell, and one that is not stored, do not count', async () => {
  const first = (await run(kernel, '1')).reply.execution_count
  const silent = await run(kernel, '2', { silent: true })
  assert.deepEqual([silent.result, silent.outputs.length], [undefined, 0])
  await run(kernel, '3', { storeHistory: false })
  assert.equal((await run(kernel, '4')).reply.execution_count, first + 1)
})

test('user expressions are evaluated after the cell, each on its own', async () => {
  const { reply } = await run(kernel, 'let u = 5', { userExpressions: { twice: 'u * 2', bad: 'nowhere' } })
  const { twice, bad } = reply.user_expressions as Record<string, { status: string; data?: Record<string, string>; ename?: string }>
  assert.deepEqual([twice!.status, twice!.data?.['text/plain'], bad!.status, bad!.ename], ['ok', '10', 'error', 'ReferenceError'])
})

test('after an error queued cells are aborted, unless the cell says otherwise', async () => {
  const later = 'await new Promise((resolve) => setTimeout(resolve, 200)); '
  const [, aborted] = await Promise.all([run(kernel, `${later}throw new Error("x")`), run(kernel, '1')])
  assert.equal(aborted.reply.status, 'aborted')
  const [, after] = await Promise.all([run(kernel, `${later}throw new Error("x")`, { stopOnError: false }), run(kernel, '1')])
  assert.equal(after.reply.status, 'ok')
})

test('input asks the person; where nobody can answer it is an error', async () => {
  const prompts: unknown[] = []
  const onInput = (...question: unknown[]) => (prompts.push(question), 'Ada')
  const { result } = await run(kernel, "await input('Name? ') + (await input('Secret? ', { password: true })).length", { onInput })
  assert.equal(result, "'Ada3'")
  assert.deepEqual(prompts, [['Name? ', false], ['Secret? ', true]])
  assert.match(String((await run(kernel, "await input('Name? ')")).reply.evalue), /takes no input/)
})
