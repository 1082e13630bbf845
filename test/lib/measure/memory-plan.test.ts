import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import type { Graph } from '../../../lib/graph/graph.ts'
import { planMemory, type MemoryPlan } from '../../../lib/measure/memory-plan.ts'
import { sampleFeeds } from '../../../lib/measure/sample-feeds.ts'
import { models } from '../../../lib/nn/index.ts'
import { OperatorSession } from '../../../lib/runtime/operators.ts'
import { relativeDistance } from '../graph/run.ts'
import { Net } from '../passes/networks.ts'

/** No two values that live at the same time lie over each other. */
function checkApart({ placements, bytes }: MemoryPlan): void {
  for (const [i, a] of placements.entries()) {
    assert.ok(a.offset >= 0 && a.offset + a.bytes <= bytes && a.offset % 64 === 0)
    for (const b of placements.slice(i + 1)) {
      const together = a.from <= b.to && b.from <= a.to
      assert.ok(!together || a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset, `${a.value} and ${b.value} lie over each other`)
    }
  }
}

async function checkRun(graph: Graph): Promise<void> {
  const plain = await OperatorSession.create(graph)
  const feeds = sampleFeeds(plain.inputs, { N: 1 })
  const expected = Object.values(await plain.run(feeds))[0]!.toNumbers()
  for (const reuse of ['naive', 'recycled', 'in-place'] as const) {
    const plan = planMemory(graph, { N: 1 }, { reuse })
    checkApart(plan)
    const { session, buffer } = await plan.open()
    for (let again = 0; again < 2; again++) {
      const [output] = Object.values(await session.run(feeds))
      assert.ok(relativeDistance(output!.toNumbers(), expected) < 1e-6, reuse)
      assert.ok(output!.bytes.buffer === buffer, 'outputs lie in the buffer')
    }
    assert.equal(buffer.byteLength, plan.bytes)
    await session.release()
  }
  await plain.release()
}

for (const [name, build] of Object.entries({ 'ResNet-18': () => models.resnet18({ imageSize: 32 }), MobileNetV2: () => models.mobilenetV2({ imageSize: 32 }), LPRNet: () => models.lprnet(), 'the MNIST CNN': () => models.mnistCnn() }))
  test(`${name} computes the same in one planned buffer, which is hardly larger than it must be`, async () => {
    const { graph } = build()
    await checkRun(graph)
    const [naive, recycled, inPlace] = (['naive', 'recycled', 'in-place'] as const).map((reuse) => planMemory(graph, { N: 4 }, { reuse }))
    assert.ok(naive!.bytes > 1.5 * recycled!.bytes && recycled!.bytes >= inPlace!.bytes)
    for (const plan of [recycled!, inPlace!]) assert.ok(plan.bytes <= 1.1 * plan.lowerBound, `${plan.bytes} of at least ${plan.lowerBound}`)
  })

test('values that live at the same time never lie over each other, however a graph branches', async () => {
  await fc.assert(fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 25 }), fc.constantFrom('greedy-by-size', 'best-fit'), fc.constantFrom('recycled', 'in-place'), (steps, placing, reuse) => {
    const net = new Net()
    const values = [net.input([4, 8], 'x')]
    for (const [a, b, size] of steps) {
      const [left, right] = [values[a % values.length]!, values[b % values.length]!]
      values.push(size > 6 ? net.builder.concat([left, right], 0) : String(left.shape) === String(right.shape) ? net.builder.add(left, right) : net.builder.relu(left))
    }
    const plan = planMemory(net.output(values.at(-1)!), {}, { placing, reuse })
    checkApart(plan)
    assert.ok(plan.bytes >= plan.lowerBound)
  }), { numRuns: 200 })
})

test('a plan shows itself, and says which size it misses', () => {
  const { graph } = models.mnistCnn()
  assert.match(inspect(planMemory(graph, { N: 2 })), /^value +offset +bytes +made by +taken until\n[^]*at most [\d.]+ [kM]B are taken at once\.$/)
  assert.throws(() => planMemory(graph), /the size of ".*" is not known: give numbers to the symbols of its shape, as in planMemory\(model, \{ N: 1 \}\)/)
})
