import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Graph } from '../../../lib/graph/graph.ts'
import { Builder } from '../../../lib/graph/builder.ts'
import { largestOf, type SmallFloat } from '../../../lib/graph/small-floats.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { Session } from '../../../lib/runtime/session.ts'

const FLOATS8 = ['float8e4m3fn', 'float8e5m2'] as const
const numbers = (dtype: SmallFloat, codes: ArrayLike<number>): number[] => Tensor.of(dtype, [codes.length], Uint8Array.from(codes)).toNumbers()
const codes = (dtype: SmallFloat, values: readonly number[]): number[] => [...(Tensor.of(dtype, [values.length], Float32Array.from(values)).data as Uint8Array)]
const ALL = Array.from({ length: 256 }, (_, code) => code)

/** What ONNX Runtime makes of the codes, and of the numbers. */
async function byRuntime(build: (builder: Builder) => void): Promise<Tensor> {
  const graph = new Graph('cast')
  build(new Builder(graph))
  const session = await Session.create(graph, { device: 'cpu' })
  const { y } = await session.run({})
  await session.release()
  return y!
}

for (const dtype of FLOATS8) {
  test(`each of the 256 codes of ${dtype} is the number that ONNX Runtime reads, and comes back`, async () => {
    const found = numbers(dtype, ALL)
    const expected = await byRuntime((builder) => builder.graph.addOutput(builder.cast(builder.tensor(Tensor.of(dtype, [256], Uint8Array.from(ALL))), 'float32'), 'y'))
    assert.deepEqual(found, expected.toNumbers())
    const finite = ALL.filter((code) => Number.isFinite(found[code]!))
    assert.deepEqual(codes(dtype, finite.map((code) => found[code]!)), finite)
  })

  test(`${dtype} takes the nearest number, of two equally near the even code, and saturates`, () => {
    const positive = numbers(dtype, ALL.slice(0, 128)).filter(Number.isFinite)
    const between = positive.slice(1).map((high, i) => (high + positive[i]!) / 2)
    assert.deepEqual(codes(dtype, between), between.map((_, code) => code + (code % 2)))
    fc.assert(fc.property(fc.float({ min: -1e6, max: 1e6, noNaN: true, noDefaultInfinity: true }), (x) => {
      const [code] = codes(dtype, [x])
      const [rounded] = numbers(dtype, [code!])
      assert.equal(Math.sign(rounded!) * Math.sign(x) >= 0, true)
      const least = Math.min(...positive.map((number) => Math.abs(number - Math.min(Math.abs(x), largestOf(dtype)))))
      assert.equal(Math.abs(Math.abs(rounded!) - Math.min(Math.abs(x), largestOf(dtype))), least)
    }))
    const largest = positive.at(-1)!
    assert.deepEqual(numbers(dtype, codes(dtype, [Infinity, -Infinity, 1e30])), [largest, -largest, largest])
    assert.ok(Number.isNaN(numbers(dtype, codes(dtype, [NaN]))[0]))
    assert.ok(Object.is(numbers(dtype, codes(dtype, [-0]))[0], -0))
  })
}

test('float16 and bfloat16 are rounded as ONNX Runtime rounds them', async () => {
  const x = Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i * 7.3) * 10 ** ((i % 90) / 6 - 9)).with(0, 65519.99).with(1, 65520).with(2, -Infinity).with(3, 2 ** -25).with(4, 1.5 * 2 ** -25)
  const own = Tensor.of('float16', [x.length], x)
  assert.deepEqual(own.data, (await byRuntime((builder) => builder.graph.addOutput(builder.cast(builder.tensor(Tensor.float32([x.length], x)), 'float16'), 'y'))).data)
  const brain = await byRuntime((builder) => builder.graph.addOutput(builder.cast(builder.cast(builder.tensor(Tensor.float32([x.length], x)), 'bfloat16'), 'float32'), 'y'))
  assert.deepEqual(Tensor.of('bfloat16', [x.length], x).toFloat32(), brain.toFloat32())
  assert.deepEqual(Tensor.of('float16', [3], [NaN, Infinity, -0]).toNumbers(), [NaN, Infinity, -0])
})
