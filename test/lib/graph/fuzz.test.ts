import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inferShapes } from '../../../lib/graph/infer.ts'
import { decodeModel, encodeModel } from '../../../lib/graph/onnx.ts'
import { summary } from '../../../lib/graph/print.ts'
import { verify } from '../../../lib/graph/verify.ts'
import { batchNorm2d, conv2d, flatten, linear, lstm, maxPool2d, relu, residual, sequential } from '../../../lib/nn/layers.ts'
import { build } from '../../../lib/nn/build.ts'
import { foldBatchNorm, mergeLayouts, removeIdentities, pruneChannels, pruneL1 } from '../../../lib/passes/index.ts'
import { random } from '../../../lib/random.ts'

const FILES = [
  build(sequential(conv2d(2, 4, 3, { padding: 1 }), batchNorm2d(4), relu(), residual(conv2d(4, 4, 3, { padding: 1 })), maxPool2d(2), flatten(), linear(16, 3)), { x: ['N', 2, 4, 4] }, { name: 'convolutions', output: 'y' }),
  build(lstm(3, 4), { x: [5, 'N', 3] }, { name: 'recurrent', output: 'y' }),
].map(({ graph }) => encodeModel(graph))

/** Some bytes changed, removed, repeated or put elsewhere. */
function mutated(file: Uint8Array, { below, next }: ReturnType<typeof random>): Uint8Array {
  let bytes = Uint8Array.from(file)
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(bytes.length)
    const length = 1 + below(16)
    switch (below(5)) {
      case 0: bytes[at] = below(256); break
      case 1: bytes[at] = bytes[at]! ^ (1 << below(8)); break
      case 2: bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]); break
      case 3: bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at, at + length), ...bytes.subarray(at)]); break
      default: bytes = next() < 0.5 ? bytes.subarray(0, at) : Uint8Array.from([...bytes.subarray(0, at), ...Array(length).fill(255), ...bytes.subarray(at + length)])
    }
    if (!bytes.length) return bytes
  }
  return bytes
}

test('ten thousand damaged files are read or refused in a sentence: none crashes, hangs, or takes much memory', { timeout: 120_000 }, async () => {
  const source = random(2026)
  const counts = { refused: 0, read: 0, ran: 0 }
  const before = process.memoryUsage().rss
  for (let i = 0; i < 10_000; i++) {
    const file = mutated(FILES[i % FILES.length]!, source)
    const started = process.cpuUsage()
    try {
      const graph = decodeModel(file)
      counts.read++
      verify(inferShapes(graph))
      String(summary(graph).table()['text/plain'])
      if (i % 10 === 0) for (const pass of [removeIdentities(), mergeLayouts(), foldBatchNorm(), pruneL1({ amount: 0.5 }), pruneChannels({ amount: 0.5 })]) await pass.apply(graph)
      counts.ran++
    } catch (error) {
      assert.ok(error instanceof Error, `${i}: ${String(error)}`)
      assert.ok(!(error instanceof TypeError) || !/undefined|null|not a function|iterable/.test(error.message), `${i}: ${error.stack}`)
      assert.ok(!/call stack|allocation|Invalid (array|typed array) length/.test(error.message), `${i}: ${error.stack}`)
      counts.refused++
    }
    const { user } = process.cpuUsage(started)
    assert.ok(user < 2e6, `${i} took ${user / 1e6} s`)
  }
  assert.ok(counts.refused > 1000 && counts.ran > 1000, JSON.stringify(counts))
  assert.ok(process.memoryUsage().rss - before < 600e6, 'memory')
})
