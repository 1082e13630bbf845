import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { fit } from '../../../lib/train/index.ts'
import { blobs, network, options } from './blobs.ts'

interface Shown {
  [key: symbol]: () => Record<string, unknown> | Promise<Record<string, unknown>>
}

test('in a notebook the curve moves while training goes on, and ends as a picture that every front end shows', async () => {
  const displays = new Map<string, Shown[]>()
  const display = (value: Shown, { id }: { id: string }) => {
    displays.set(id, [value])
    return { update: (next: Shown) => displays.get(id)!.push(next) }
  }
  Object.assign(globalThis, { display })
  try {
    await fit(network(), blobs(40), { ...options, callbacks: { step: async ({ step }) => { if (step === 5) await after(1100) } } })
    const shown = displays.size
    await fit(network(), blobs(40), { ...options, quiet: true })
    assert.equal(displays.size, shown, 'a quiet run shows nothing')
  } finally {
    Reflect.deleteProperty(globalThis, 'display')
  }
  const bundles = await Promise.all([...displays.values()].map((views) => Promise.all(views.map((view) => view[Symbol.for('Jupyter.display')]!()))))
  const curves = bundles.find(([first]) => 'application/vnd.vegalite.v5+json' in first!)!
  assert.ok(curves.length >= 3, `${curves.length} drawings`)
  assert.deepEqual(Object.keys(curves[0]!), ['application/vnd.vegalite.v5+json', 'text/plain'])
  assert.deepEqual(Object.keys(curves.at(-1)!), ['application/vnd.vegalite.v5+json', 'image/svg+xml', 'image/png', 'text/plain'])
  assert.match(String(curves.at(-1)!['text/plain']), /Training network: 10 steps/)
  assert.ok(bundles.some(([first]) => String(first!['text/html']).includes('<progress')))
})
