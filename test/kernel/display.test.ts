import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run, startKernel, type Outcome } from './harness.ts'

const kernel = await startKernel()

type Bundle = Record<string, string>
const shownBy = ({ outputs }: Outcome) => outputs.flatMap(({ header, content }) => (['display_data', 'execute_result'].includes(header.msg_type) ? [content.data as Bundle] : []))
const bundleOf = async (code: string): Promise<Bundle> => shownBy(await run(kernel, code)).at(-1) ?? assert.fail(`nothing is shown by ${code}`)

test('a long array of numbers is summarized with its distribution', async () => {
  for (const code of ['Float64Array.from({ length: 1000 }, (_, i) => i)', 'Array.from({ length: 1000 }, (_, i) => i)']) {
    const bundle = await bundleOf(code)
    assert.match(bundle['text/plain'], /^\w+\(1000\) \[ 0, 1, .*, 7, \.\.\., 997, 998, 999 \]\nmin 0, max 999, mean 499\.5, std 288\.67, zeros 0\.1 %$/)
    assert.match(bundle['text/html'], /<svg [^]*<rect /)
  }
  assert.match((await bundleOf('new Float32Array(200).fill(NaN)'))['text/plain'], /NaN or infinite 200$/)
  assert.deepEqual(Object.keys(await bundleOf('new Float32Array(3)')), ['text/plain'])
  const matrix = await bundleOf('Array.from({ length: 40 }, (_, i) => Array.from({ length: 30 }, (_, j) => i * 30 + j))')
  assert.match(matrix['text/plain'], /^Array \[40, 30\]\n\[\[ +0 +1 +2 \.\.\. +27 +28 +29\]\n[^]*1199\]\]\nmin 0, max 1199/)
  assert.equal((await bundleOf('[[1, 2], [3]]'))['text/plain'], '[ [ 1, 2 ], [ 3 ] ]')
})

test("tensors of this project, of ONNX Runtime and of TensorFlow.js show type, shape and numbers", async () => {
  await run(kernel, "import { Tensor } from 'honejs'\nimport ort from 'onnxruntime-node'\nimport * as tf from '@tensorflow/tfjs'")
  const numbers = '[[  1   2   3]\n [4.5   5   6]]'
  const data = '[1, 2, 3, 4.5, 5, 6]'
  assert.equal((await bundleOf(`Tensor.float32([2, 3], ${data})`))['text/plain'], `float32 [2, 3]\n${numbers}`)
  assert.equal((await bundleOf(`new ort.Tensor('float32', new Float32Array(${data}), [2, 3])`))['text/plain'], `float32 [2, 3]\n${numbers}`)
  assert.equal((await bundleOf(`tf.tensor(${data}, [2, 3])`))['text/plain'], `float32 [2, 3]\n${numbers}`)
  assert.equal((await bundleOf("Tensor.of('float16', [2], new Uint16Array([0x3c00, 0xc500]))"))['text/plain'], 'float16 [2]\n[ 1 -5]')
  const large = await bundleOf("new ort.Tensor('int64', BigInt64Array.from({ length: 2000 }, (_, i) => BigInt(i)), [40, 50])")
  assert.match(large['text/plain'], /^int64 \[40, 50\]\n\[\[ +0 +1 +2 \.\.\. +47 +48 +49\]\n[^]* \.\.\.\n[^]*1999\]\]\nmin 0, max 1999/)
})

test('records, Maps and danfojs frames are tables; large ones are cut with a note', async () => {
  assert.match((await bundleOf("[{ name: 'a<', n: 1 }, { n: 2, more: [1] }]"))['text/html'], /<th[^>]*left">name<\/th><th[^>]*right">n<\/th><th[^>]*left">more<\/th>[^]*<td[^>]*>a&lt;<\/td><td[^>]*>1<\/td><td[^>]*><\/td>/)
  assert.match((await bundleOf('[{ root: Math.SQRT2, large: 1234567.891, whole: 1e6, tiny: 1.23456789e-9 }]'))['text/html'], />1\.41421<[^]*>1234568<[^]*>1000000<[^]*>1\.23457e-9</)
  assert.match((await bundleOf('Array.from({ length: 5000 }, (_, i) => ({ i }))'))['text/html'], /50 of 5,000 rows, 1 of 1 columns/)
  assert.match((await bundleOf("new Map([['k', { z: 1 }]])"))['text/html'], /<td[^>]*>k<\/td><td[^>]*>\{ z: 1 \}<\/td>/)
  await run(kernel, "import { DataFrame } from 'danfojs-node'\nconst frame = new DataFrame([{ a: 1, b: 'x' }, { a: 2, b: 'y' }])")
  const frame = await bundleOf('frame')
  assert.match(frame['text/html'], /<th[^>]*><\/th><th[^>]*>a<\/th><th[^>]*>b<\/th>[^]*<td[^>]*>1<\/td><td[^>]*>2<\/td><td[^>]*>y<\/td>/)
  assert.match(frame['text/plain'], /║ 1 .*│ 2 .*│ y/)
  assert.match((await bundleOf("frame['a']"))['text/html'], /<td[^>]*>0<\/td><td[^>]*>1<\/td><\/tr><tr><td[^>]*>1<\/td><td[^>]*>2<\/td>/)
})

test('the bytes of an image are the image', async () => {
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  assert.equal((await bundleOf(`Buffer.from('${png}', 'base64')`))['image/png'], png)
  assert.equal((await bundleOf(`new Blob([Buffer.from('${png}', 'base64')], { type: 'image/png' })`))['image/png'], png)
  assert.equal((await bundleOf("new TextEncoder().encode('<svg></svg>')"))['image/svg+xml'], '<svg></svg>')
  assert.equal((await bundleOf("new Uint8Array([255, 216, 255, 0]).buffer"))['image/jpeg'], '/9j/AA==')
  assert.deepEqual(Object.keys(await bundleOf("Buffer.from('BMW and other text')")), ['text/plain'])
})

test('elements, canvases, Vega-Lite and deep data are shown as what they are', async () => {
  assert.equal((await bundleOf("({ outerHTML: '<p>x</p>' })"))['text/html'], '<p>x</p>')
  assert.equal((await bundleOf("({ outerHTML: '<svg/>' })"))['image/svg+xml'], '<svg/>')
  assert.equal((await bundleOf("({ toDataURL: () => 'data:image/png;base64,QUI=' })"))['image/png'], 'QUI=')
  const spec = "{ $schema: 'https://vega.github.io/schema/vega-lite/v5.json', data: { values: [{ a: 1 }] }, mark: 'bar', encoding: { x: { field: 'a' } } }"
  for (const code of [`(${spec})`, `({ toSpec: () => (${spec}) })`]) {
    const bundle = await bundleOf(code)
    assert.equal((bundle['application/vnd.vegalite.v5+json'] as unknown as { mark: string }).mark, 'bar')
    assert.match(bundle['image/svg+xml'], /^<svg /)
  }
  assert.deepEqual((await bundleOf('({ a: { b: { c: { d: { e: [1] } } } } })'))['application/json'], { a: { b: { c: { d: { e: [1] } } } } })
  assert.deepEqual(Object.keys(await bundleOf('const loop: any = { a: { b: { c: { d: { e: 1 } } } } }; loop.a.loop = loop; loop')), ['text/plain'])
})

test('dates, errors, instances and what is huge are readable text', async () => {
  assert.match((await bundleOf('new Date(0)'))['text/plain'], /^1970-01-01T00:00:00\.000Z \(Thu Jan 01 1970/)
  assert.equal((await bundleOf('new Date(NaN)'))['text/plain'], 'Invalid Date')
  const { reply, result } = await run(kernel, "new RangeError('too far', { cause: new Error('why') })")
  assert.match(result!, new RegExp(`^RangeError: too far\\n +at cell ${reply.execution_count}:1:1[^]*\\[cause\\]: Error: why`))
  assert.equal((await bundleOf('class Point { x = 1; #y = 2 }\nnew Point()'))['text/plain'], 'Point { x: 1 }')
  const text = (await bundleOf("Object.fromEntries(Array.from({ length: 5000 }, (_, i) => ['key' + i, 'x'.repeat(100)]))"))['text/plain']
  assert.ok(text.length < 21_000)
  assert.match(text, /\d more characters$/)
})

test('a value whose getters throw is text, and display goes on', async () => {
  assert.match((await bundleOf("({ get shape() { throw new Error('no') }, x: 1 })"))['text/plain'], /x: 1/)
  assert.match((await bundleOf("new Proxy({}, { get() { throw new Error('shut') }, has() { throw new Error('shut') } })"))['text/plain'], /^\{\}|cannot be shown/)
})

test('display shows text as what it is said to be, and its handle is no result', async () => {
  const outcome = await run(kernel, "display.markdown('*m*'); display.latex('$x$'); display.json({ a: 1 }); display.bundle({ 'text/csv': 'a,b', 'text/plain': 'csv' }); display.html('<b>b</b>')")
  assert.deepEqual(outcome.outputs.map(({ header }) => header.msg_type), Array(5).fill('display_data'))
  const [markdown, latex, json, csv, html] = shownBy(outcome)
  assert.deepEqual([markdown['text/markdown'], latex['text/latex'], csv['text/csv'], html['text/html']], ['*m*', '$x$', 'a,b', '<b>b</b>'])
  assert.deepEqual(json['application/json'], { a: 1 })
  assert.match((await run(kernel, "display.image(Buffer.from('none'))")).reply.evalue!, /these are none/)
})

test('clearOutput clears at once or with the next output', async () => {
  const { outputs } = await run(kernel, 'display(1); clearOutput({ wait: true }); clearOutput()')
  assert.deepEqual(outputs.slice(1).map(({ content }) => content), [{ wait: true }, { wait: false }])
})

test("what Deno's kernel offers runs unchanged", async () => {
  assert.equal((await bundleOf('const n = 1; Deno.jupyter.html`<b>${n}</b>${undefined}`'))['text/html'], '<b>1</b>')
  assert.equal((await bundleOf('Deno.jupyter.md`# ${2}`'))['text/markdown'], '# 2')
  assert.equal((await bundleOf('const { svg } = Deno.jupyter; svg`<svg/>`'))['image/svg+xml'], '<svg/>')
  assert.equal((await bundleOf("Deno.jupyter.image(new Uint8Array([255, 216, 255]))"))['image/jpeg'], '/9j/')
  assert.equal((await bundleOf("({ [Deno.jupyter.$display]: () => ({ 'text/plain': 'own' }) })"))['text/plain'], 'own')
  const { outputs } = await run(
    kernel,
    `await Deno.jupyter.display({ 'text/plain': 'raw' }, { raw: true, display_id: 'd' })
    await Deno.jupyter.display([{ a: 1 }], { update: true, display_id: 'd' })
    await Deno.jupyter.broadcast('display_data', { data: { 'text/plain': 'sent' }, metadata: {}, transient: {} }, { metadata: { m: 1 }, buffers: [new Uint8Array([7])] })`,
  )
  assert.deepEqual(outputs.map(({ header }) => header.msg_type), ['display_data', 'update_display_data', 'display_data'])
  assert.deepEqual([outputs[2].metadata, [...outputs[2].buffers[0]]], [{ m: 1 }, [7]])
  assert.equal((await run(kernel, "'Deno' in globalThis")).result, 'false')
})
