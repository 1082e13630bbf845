import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainTraceback, run, startKernel } from './harness.ts'

const kernel = await startKernel()

/** Megabytes. */
async function heap(): Promise<number> {
  return Number((await run(kernel, 'process.memoryUsage().heapUsed / 1e6')).result)
}

test('many cells leave no garbage behind, and their functions keep their stack lines', async () => {
  const { reply } = await run(kernel, 'let n = 1\nfunction early() {\n  return null!.x\n}')
  const before = await heap()
  for (let i = 0; i < 500; i++) await kernel.execute('1+n')
  const after = await heap()
  assert.ok(after < before + 5, `${before} MB before, ${after} MB after`)
  assert.match(plainTraceback(await run(kernel, 'early()')), new RegExp(`at early \\(cell ${reply.execution_count}:3:16\\)[^]*> 3 \\|   return null!\\.x`))
})
