import assert from 'node:assert/strict'
import { test } from 'node:test'
import { profile } from '../../../lib/measure/profile.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { adam, cosine, fit, oneStep, sgd } from '../../../lib/train/index.ts'
import { blobs, network, options } from './blobs.ts'

test('one step by itself has the loss of the first step that fit takes, and can be profiled', async () => {
  for (const settings of [{ optimizer: sgd({ lr: 0.1, momentum: 0.9 }) }, { optimizer: adam(), schedule: cosine() }]) {
    const { losses } = await fit(network(), blobs(24), { ...options, ...settings, quiet: true })
    const { graph, feeds } = await oneStep(network(), blobs(24), { ...options, ...settings })
    const session = await Session.create(graph)
    const { loss } = await session.run(feeds)
    await session.release()
    assert.equal(loss.toNumbers()[0], losses[0])
    assert.ok((await profile(graph, feeds, { runs: 1 })).nodes.length > 10)
  }
})

test('a step that does not fit its data is refused as fit refuses it', async () => {
  await assert.rejects(oneStep(network(), blobs(2), options), /2 samples do not fill a batch of 8/)
})
