import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KernelDied } from '../../kernel/client.ts'
import { plainTraceback, run, startKernel, stripColours } from './harness.ts'

const cwd = mkdtempSync(join(tmpdir(), 'hone-errors-'))
writeFileSync(join(cwd, 'faulty.ts'), 'interface Unused { a: number }\n\nexport function fail(x: number): never {\n  throw new RangeError(`no ${x}`)\n}\n')
const kernel = await startKernel({ cwd })

/** The traceback of a cell that fails, without colours; its cell number as N. */
async function traceback(code: string): Promise<string> {
  const outcome = await run(kernel, code)
  assert.equal(outcome.reply.status, 'error')
  assert.equal(outcome.outputs.filter(({ header }) => header.msg_type === 'error').length, 1)
  return plainTraceback(outcome).replaceAll(`cell ${outcome.reply.execution_count}`, 'cell N')
}

test('a throw is shown at the line that was typed', async () => {
  const shown = await traceback('interface P { x: number }\nconst p: P | null = null as P | null\n\np!.x')
  assert.match(shown, /^TypeError: Cannot read properties of null/)
  assert.match(shown, /cell N:4/)
  assert.match(shown, /> 4 \| p!\.x/)
  assert.doesNotMatch(shown, /node:internal|dist\/kernel/)
})

test('below an enum, which becomes other code, the line is still the one that was typed', async () => {
  assert.match(await traceback('enum E {\n  A,\n  B,\n}\nconst text = `two\nlines`\nnull!.x'), /cell N:7/)
})

test('an error inside a function of an earlier cell names that cell and its line', async () => {
  const first = await run(kernel, '// comment\nfunction thrower(): never {\n  throw new Error("inside")\n}')
  const shown = await traceback('\nthrower()')
  assert.match(shown, new RegExp(`thrower.*cell ${first.reply.execution_count}:3`))
  assert.match(shown, /cell N:2/)
})

test('an error in an imported TypeScript file names the file and its line', async () => {
  assert.match(await traceback("import { fail } from './faulty.ts'\nfail(3)"), /faulty\.ts:4/)
})

test('a syntax error has a caret under its place', async () => {
  const shown = await traceback('const ok = 1\nconst broken: = 2')
  assert.match(shown, /^SyntaxError/)
  assert.match(shown, /> 2 \| const broken: = 2\n\s+\|\s+\^/)
})

test('causes are shown; a thrown value that is no error too', async () => {
  assert.match(await traceback('throw new Error("outer", { cause: new TypeError("inner") })'), /Error: outer[^]*TypeError: inner/)
  const { reply } = await run(kernel, 'throw { code: 7 }')
  assert.equal(reply.status, 'error')
  assert.match(String(reply.evalue), /code: 7/)
})

test('a rejection that nobody handles, and an exception of a timer, are shown beside their cell, and the kernel lives on', async () => {
  const outcome = await run(kernel, "Promise.reject(new Error('lost'))\nsetTimeout(() => { throw new Error('late') }, 1)\nawait new Promise((resolve) => setTimeout(resolve, 200))")
  assert.match(stripColours(outcome.stderr), /lost[^]*late/)
  assert.equal((await run(kernel, '1 + 1')).result, '2')
})

for (const call of ['process.exit(3)', 'process.abort()', 'process.kill(process.pid)', "process.kill(process.pid, 'SIGKILL')"]) {
  test(`what would end the kernel is refused and explained: ${call}`, async () => {
    const { reply } = await run(kernel, call)
    assert.match(String(reply.evalue), /^process\.\w+\(.*\) would end the kernel and lose every variable/)
    assert.equal((await run(kernel, 'process.kill(process.pid, 0)')).result, 'true')
  })
}

test('a worker that ends its process ends itself; a timer that throws each time, and listeners that are removed, do not end the kernel', async () => {
  assert.equal((await run(kernel, "import { Worker } from 'node:worker_threads'\nawait new Promise((resolve) => new Worker('process.exit(3)', { eval: true }).on('exit', resolve))")).result, '3')
  const removed = await run(kernel, "process.removeAllListeners()\nawait null\nlet times = 0\nconst timer = setInterval(() => { if (++times === 3) clearInterval(timer); throw new Error(`time ${times}`) }, 1)\nPromise.reject(new Error('lost'))\nwhile (times < 3) await new Promise((resolve) => setTimeout(resolve, 5))")
  assert.match(stripColours(removed.stderr), /Uncaught Error: lost[^]*time 1[^]*time 2[^]*time 3/)
  const own = await run(kernel, "process.on('uncaughtException', (error) => console.log('own', error.message))\nsetTimeout(() => { throw new Error('late') }, 1)\nawait new Promise((resolve) => setTimeout(resolve, 50))\nprocess.removeAllListeners('uncaughtException')")
  assert.match(own.stdout, /own late/)
  assert.equal((await run(kernel, '2')).result, '2')
})

test('where a value cannot be had, the error is in its place, not where the declaration begins', async () => {
  const places = { 'const a = 1\nconst more = nowhere': '2:14', 'const { d } = nowhere': '1:15', 'let b = 1,\n  c = nowhere': '2:7', 'export const f = nowhere': '1:18', 'const e: number = nowhere as number, g = 1': '1:19', 'var h = () => nowhere, i = h()': '1:15', 'enum E { A }\nconst j = nowhere': '2:11' }
  for (const [code, place] of Object.entries(places)) assert.match(await traceback(code), new RegExp(`^ReferenceError: nowhere is not defined\\n.*cell N:${place}\\D`), code)
})

test('memory exhausted: the kernel ends, and its client says why', async () => {
  const small = await startKernel({ nodeArgs: ['--max-old-space-size=60'] })
  await assert.rejects(run(small, 'const hoard: number[][] = []\nfor (;;) hoard.push(new Array(100_000).fill(1.5))'), (error) => error instanceof KernelDied && /out of memory/.test(error.message))
  await sleep(0)
})
