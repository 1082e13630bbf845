import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainTraceback, run, startKernel } from './harness.ts'

const cwd = mkdtempSync(join(tmpdir(), 'hone-names-'))
writeFileSync(join(cwd, 'around.ts'), "export const around = [typeof window, typeof process.cwd(), typeof self, new Map([[1, 2]]).size, JSON.stringify([1]), typeof document].join(' ')\n")
const kernel = await startKernel({ cwd })

/** Cells one after the other; the last one's value as text. */
async function value(...cells: readonly string[]): Promise<string | undefined> {
  let result: string | undefined
  for (const cell of cells) {
    const outcome = await run(kernel, cell)
    assert.equal(outcome.reply.status, 'ok', plainTraceback(outcome))
    result = outcome.result
  }
  return result
}

const taken: Record<string, [cells: string[], result: string]> = {
  'a constant, in later cells too': [['const process = { pid: 5, run: () => 6 }\nprocess.pid', '[process.pid, { process }.process.run(), typeof globalThis.process.cwd]'], "[ 5, 6, 'function' ]"],
  'a class, which knows itself': [['class Map<T> {\n  static own = Map.name\n  with(value: T) { return [new Map<T>() instanceof Map, value] }\n}', '[Map.own, Map.name, ...new Map<number>().with(3)]'], "[ 'Map', 'Map', true, 3 ]"],
  'a function, which calls itself': [['function setTimeout(n: number): number { return n > 0 ? 1 + setTimeout(n - 1) : 0 }', '[setTimeout(3), setTimeout.name, String(setTimeout).includes("hone")]'], "[ 3, 'setTimeout', false ]"],
  'an arrow function, an assignment, a parameter': [['let fetch = (JSON: number) => JSON + 1', 'const name = fetch.name\nconst one = fetch(0)\nfetch = () => 7;\n[name, one, fetch(1)]'], "[ 'fetch', 1, 7 ]"],
  'patterns with defaults': [['const { JSON, Promise = 4, ...console } = { JSON: 1, a: 2 } as any', '[JSON, Promise, console]'], '[ 1, 4, { a: 2 } ]'],
  'a variable without a value, and a loop': [['let Buffer\nfor (var URL of [1, 2]) {}', 'Buffer ??= URL\nBuffer'], '2'],
  'an import': [["import Deno, { join as performance } from 'node:path'", '[Deno.sep, performance("a", "b")]'], "[ '/', 'a/b' ]"],
  'what cells are given': [['const require = (name: string) => `own ${name}`, display = 3, __dirname = 4', '[require("x"), display, __dirname]'], "[ 'own x', 3, 4 ]"],
  'what everything rests on': [['const Object = 1, Array = 2, Reflect = 3, Symbol = 4, String = 5, Error = 6, Atomics = 7, AbortController = 8, globalThis = 9', '[Object, Array, Reflect, Symbol, String, Error, Atomics, AbortController, globalThis].join("")'], "'123456789'"],
  'names by which libraries tell where they run': [['const window = [1], module = 2, document = 3', '[window, module, document].flat().join("")'], "'123'"],
}
for (const [name, [cells, result]] of Object.entries(taken)) {
  test(`a variable may have the name of a global: ${name}`, async () => assert.equal(await value(...cells), result))
}

test('modules that are loaded later see the globals, and so does the kernel', async () => {
  assert.equal(await value("import { around } from './around.ts'\naround"), "'undefined string undefined 1 [1] undefined'")
  assert.equal(await value("import { zipSync } from 'fflate'\nawait (async () => 1)()\ntypeof zipSync"), "'function'")
  const { stdout } = await run(kernel, '%who')
  assert.match(stdout, /Array\t .*process\t /)
  assert.match((await run(kernel, '!echo {process.pid} $URL')).stdout, /^5 2\r?\n/)
})

test('errors, completion and inspection name such variables as they were typed', async () => {
  assert.match(plainTraceback(await run(kernel, 'process.go()')), /^TypeError: process\.go is not a function\n.*cell \d+:1:9/)
  assert.match(plainTraceback(await run(kernel, 'null!.x\nJSON()')), /> 1 \| null!\.x/)
  const { content: completed } = await kernel.request('shell', 'complete_request', { code: '(process as any).r', cursor_pos: 18 })
  assert.ok(!JSON.stringify(completed).includes('$hone'))
  const { content: members } = await kernel.request('shell', 'complete_request', { code: 'process.', cursor_pos: 8 })
  assert.deepEqual((members.matches as string[]).slice(0, 2).sort(), ['pid', 'run'])
  const { content: inspected } = await kernel.request('shell', 'inspect_request', { code: 'process', cursor_pos: 3, detail_level: 0 })
  assert.match((inspected.data as Record<string, string>)['text/plain']!, /pid: 5/)
})

const constant = 'const fixed = 1\nconst { part, big } = { part: 1, big: 1n }\nconst change = () => {\n  fixed = 2\n}'
const assignments: Record<string, [code: string, place: string]> = {
  'assigned': ['\nfixed = 2', '2:7'],
  'counted up': ['fixed++', '1:6'],
  'added to': ['big += 1n', '1:5'],
  'assigned by patterns': ['[fixed, part] = [1, 2]', '1:1'],
  'assigned by a pattern with its name': ['({ part = 3 } = {} as any)', '1:4'],
  'assigned by a loop': ['let turns = 0\nfor (fixed of [1]) turns++', '2:5'],
  'assigned in a function of a later cell': ['function later() {\n  fixed = 3\n}\nlater()', '2:9'],
}
test('a constant cannot be assigned to in its own cell, nor by its functions', async () => {
  assert.match(plainTraceback(await run(kernel, 'const own = 1\nown = 2')), /^TypeError: Assignment to constant variable\.\n.*cell \d+:2:5/)
  assert.match(plainTraceback(await run(kernel, "import { join } from 'node:path'\n;[join] = []")), /^TypeError: Assignment to constant/)
  const { execution_count } = (await run(kernel, constant)).reply
  assert.match(plainTraceback(await run(kernel, 'change()')), new RegExp(`^TypeError: Assignment to constant variable\\.\\n.*change \\(cell ${execution_count}:4:9\\)`))
})
for (const [name, [code, place]] of Object.entries(assignments)) {
  test(`a constant of an earlier cell cannot be ${name}`, async () => {
    const failed = await run(kernel, code)
    assert.match(plainTraceback(failed), new RegExp(`^TypeError: Assignment to constant variable\\.\\n.*cell ${failed.reply.execution_count}:${place}\\D`))
    assert.equal(await value('[fixed, part, big].join(" ")'), "'1 1 1'")
  })
}

test('a constant may be declared anew, hidden in a scope, and assigned to where that is not reached', async () => {
  assert.equal(await value('const hidden = 1\nfunction f(hidden: number) { hidden = 2; var e = hidden; e++; return e }\n{ let hidden = 3; hidden++ }\nfor (let hidden = 0; hidden < 2; hidden++);\nf(1) + hidden'), '4')
  assert.equal(await value('fixed ??= 5'), '1')
  assert.equal(await value('let fixed = 5', 'fixed = 6\nfixed++\nfixed'), '7')
  assert.equal(await value('class part {}', 'part = 8 as any\npart'), '8')
  assert.equal(await value('const fixed = 9', '`${() => { fixed = 1 }}`', '%reset -f', 'fixed = 3\nfixed'), '3')
})
