import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HONE } from '../../../../lib/graph/operator.ts'
import { compareLowered, graphOf, typesOf } from './both.ts'

const [T, N, I, H] = [5, 3, 4, 6]
const weights = { x: [T, N, I], w: [1, 4 * H, I], r: [1, 4 * H, H] }
const state = [1, N, H]
const EXACT_ENOUGH = 1e-5

for (const direction of ['forward', 'reverse']) {
  const attributes = { hidden_size: H, direction }

  test(`an LSTM in training, ${direction}, and its gradients from every output, are those of its expansion`, async () => {
    const graph = graphOf({ ...weights, b: [1, 8 * H], h: state, c: state, dy: [T, 1, N, H], dh: state, dc: state }, (g, x, w, r, b, h, c, dy, dh, dc) => {
      const [y, lastH, lastC, ...slopes] = g.ops('LstmTrain', [x, w, r, b, h, c], attributes, { domain: HONE, outputs: 9 })
      return [y!, lastH!, lastC!, ...slopes, ...g.ops('LstmTrainGrad', [x, w, r, y!, ...slopes, h, dy, dh, dc], attributes, { domain: HONE, outputs: 6 })]
    })
    const { lowered, distance } = await compareLowered(graph)
    assert.ok(distance < EXACT_ENOUGH, `${distance}`)
    assert.ok(!typesOf(lowered).has('LstmTrain') && !typesOf(lowered).has('LstmTrainGrad'))
  })

  test(`an LSTM without bias and first states, ${direction}, of whose outputs only the last state is used`, async () => {
    const { distance } = await compareLowered(graphOf({ ...weights, dh: state }, (g, x, w, r, dh) => {
      const [y, lastH, , ...slopes] = g.ops('LstmTrain', [x, w, r], attributes, { domain: HONE, outputs: 9 })
      return [lastH!, ...g.ops('LstmTrainGrad', [x, w, r, y!, ...slopes, null, null, dh], attributes, { domain: HONE, outputs: 6 })]
    }))
    assert.ok(distance < EXACT_ENOUGH, `${distance}`)
  })
}
