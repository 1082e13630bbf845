import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { test } from 'node:test'
import { installKernelspec } from '../../kernel/install.ts'
import { plainTraceback, run, startKernel } from './harness.ts'

const kernel = await startKernel()

test('%time and %%time: the value, the times, and what the code declares stays', async () => {
  const line = await run(kernel, '%time 6 * 7')
  assert.equal(line.result, '42')
  assert.match(line.stdout, /CPU times: user .*\nWall time: /)
  await run(kernel, '%%time\nconst measured = await Promise.resolve(8)')
  assert.equal((await run(kernel, 'measured')).result, '8')
})

test('%timeit times many runs, of asynchronous code too', async () => {
  assert.match((await run(kernel, '%timeit -n 10 -r 3 Math.sqrt(2)')).stdout, / ± .* per loop \(mean ± std\. dev\. of 3 runs, 10 loops each/)
  assert.match((await run(kernel, '%timeit -n 2 -r 2 await null')).stdout, /of 2 runs, 2 loops each/)
})

test('%lsmagic lists them; an unknown one names those like it', async () => {
  assert.match((await run(kernel, '%lsmagic')).stdout, /%timeit/)
  const outcome = await run(kernel, '%timeti 1')
  assert.equal(outcome.reply.status, 'error')
  assert.equal(plainTraceback(outcome), 'UsageError: %timeti is not a magic. Did you mean %time or %timeit?')
  assert.match((await run(kernel, '%pip install x')).reply.evalue!, /%lsmagic lists them/)
})

test('lines below a magic keep their numbers', async () => {
  const outcome = await run(kernel, '%time 1\n\nthrow new Error("third")')
  assert.match(plainTraceback(outcome), new RegExp(`cell ${outcome.reply.execution_count}:3`))
})

test('what looks like a magic inside a template stays text', async () => {
  assert.equal((await run(kernel, '`\n%time 1\n`.trim()')).result, "'%time 1'")
})

test('the kernelspec: absolute, interrupted by message, under the prefix', () => {
  const prefix = mkdtempSync(join(tmpdir(), 'hone-prefix-'))
  const folder = installKernelspec({ prefix })
  const { argv, display_name, language, interrupt_mode } = JSON.parse(readFileSync(join(folder, 'kernel.json'), 'utf8'))
  assert.equal(folder, join(prefix, 'share', 'jupyter', 'kernels', 'hone'))
  assert.deepEqual([display_name, language, interrupt_mode], ['TypeScript (hone)', 'typescript', 'message'])
  assert.ok(isAbsolute(argv[0]) && argv.includes('{connection_file}'))
})

test("what the kernel is started with does not reach the programs that cells start; a person's own setting does", async () => {
  const shown = "const shown = !echo \"[$GLIBC_TUNABLES]\"\nshown[0]"
  assert.equal((await run(kernel, shown)).result, "'[]'")
  const own = await startKernel({ env: { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.check=1' } })
  assert.equal((await run(own, shown)).result, "'[glibc.malloc.check=1]'")
})
