import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, startKernel } from './harness.ts'

const kernel = await startKernel()

test('streams are live during a synchronous loop', async () => {
  const seen = join(mkdtempSync(join(tmpdir(), 'hone-output-')), 'seen')
  await kernel.execute(`import { existsSync } from 'node:fs'; console.log('first'); while (!existsSync(${JSON.stringify(seen)})) {}; console.error('second')`, {
    onOutput: ({ header, content }) => {
      if (header.msg_type === 'stream' && content.text === 'first\n') writeFileSync(seen, '')
    },
  })
  assert.ok(existsSync(seen))
})

test('stdout and stderr are two streams', async () => {
  const { stdout, stderr } = await run(kernel, "process.stdout.write('a'); console.error('b'); console.log({ c: 1 })")
  assert.deepEqual([stdout, stderr], ['a{ c: 1 }\n', 'b\n'])
})

test('a flood of output is cut with a note, and the kernel answers on', async () => {
  const { stdout, reply } = await run(kernel, "const line = 'x'.repeat(1e6); for (let i = 0; i < 100; i++) console.log(line)")
  assert.equal(reply.status, 'ok')
  assert.ok(stdout.length < 20e6)
  assert.match(stdout, /\[stdout ends here: the cell wrote more than 10 MB/)
  assert.equal((await run(kernel, "console.log('on')")).stdout, 'on\n')
})

test('an object chooses how it is shown, at once or later', async () => {
  const bundleOf = async (code: string) => (await run(kernel, code)).outputs.find(({ header }) => header.msg_type === 'execute_result')?.content.data as Record<string, unknown>
  assert.equal((await bundleOf("({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>x</b>' }) })"))['text/html'], '<b>x</b>')
  const later = await bundleOf("({ [Symbol.for('Jupyter.display')]: async () => ({ 'text/markdown': '*y*', 'image/png': new Uint8Array([1, 2]) }) })")
  assert.deepEqual([later['text/markdown'], later['image/png']], ['*y*', 'AQI='])
  assert.ok(typeof later['text/plain'] === 'string')
})

test('display shows in the middle of a cell, and its handle updates', async () => {
  const { outputs } = await run(kernel, "const shown = display('one', { id: 'd1' }); shown.update('two'); console.log('between'); 3")
  assert.deepEqual(outputs.map(({ header }) => header.msg_type), ['display_data', 'update_display_data', 'stream', 'execute_result'])
  assert.deepEqual(outputs.slice(0, 2).map(({ content }) => (content.transient as { display_id: string }).display_id), ['d1', 'd1'])
})

test('what cannot be shown is an error of the cell, not of the kernel', async () => {
  const { reply } = await run(kernel, "({ [Symbol.for('Jupyter.display')]() { throw new Error('shy') } })")
  assert.equal(reply.status, 'error')
  assert.match(String(reply.evalue), /shy/)
  assert.equal((await run(kernel, '({ get x() { throw new Error("no") } }) && 1')).result, '1')
})

test('records are a table, large arrays a summary', async () => {
  const { outputs } = await run(kernel, "[{ name: 'a', n: 1 }, { name: 'b<', n: 2 }]")
  assert.match(String((outputs[0]!.content.data as Record<string, string>)['text/html']), /<table>[^]*b&(lt|#60);/)
  const { result } = await run(kernel, 'Float32Array.from({ length: 1e6 }, (_, i) => i / 10)')
  assert.ok(result!.length < 5000)
})
