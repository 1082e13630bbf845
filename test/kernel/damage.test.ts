import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainTraceback, run, startKernel } from './harness.ts'

const kernel = await startKernel()
await run(kernel, 'const kept = 1')

const damages = [
  'Array.prototype.map = null',
  'Array.prototype.push = () => 0',
  'Array.prototype[Symbol.iterator] = null',
  'Map.prototype.set = null',
  'Set.prototype.add = null',
  'String.prototype.split = null',
  'Promise.prototype.then = null',
  'Promise.prototype.then = () => 1',
  'Reflect.apply = null',
  'JSON.stringify = () => { throw 1 }',
  'Error.prepareStackTrace = () => { throw 1 }',
  'Function.prototype.call = null',
  'globalThis.Array = null',
  'globalThis.process = 1',
  'globalThis.Promise = null',
  'delete globalThis.process',
  'delete globalThis.Buffer',
  'for (const one of [Array, Object, Function, Error, Promise, Map, String, RegExp]) Object.freeze(one.prototype)',
]
for (const damage of damages) {
  test(`a cell cannot break the kernel with ${damage}`, async () => {
    await run(kernel, `${damage}; 0`)
    await run(kernel, '1')
    const { result, stdout } = await run(kernel, 'console.log("out")\nawait new Promise((resolve) => setTimeout(resolve, 1))\nenum E { A = 2 }\n[kept, E.A, [{ a: 1 }].map(({ a }) => a)]')
    assert.deepEqual([result, stdout], ['[ 1, 2, [ 1 ] ]', 'out\n'])
    assert.match(plainTraceback(await run(kernel, 'null!.x')), /^TypeError: Cannot read properties of null[^]*> 1 \| null!\.x/)
  })
}

test('what is put back is named; what a cell replaces by something that works stays', async () => {
  const outcomes = [await run(kernel, 'Set.prototype.delete = null'), await run(kernel, '1'), await run(kernel, '%who')]
  assert.match(outcomes.map(({ stderr }) => stderr).join(''), /Put back, for without it neither the kernel nor packages can work: Set\.prototype\.delete\n/)
  const { result } = await run(kernel, 'const original = URL\nglobalThis.URL = class extends original { own = 5 } as any\nnull!.x').then(() => run(kernel, '(new URL("a:b") as any).own'))
  assert.equal(result, '5')
})
