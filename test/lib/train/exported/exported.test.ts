import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Dataset } from '../../../../lib/data/dataset.ts'
import { packageFolder } from '../../../../lib/files.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { Model } from '../../../../lib/nn/model.ts'
import { fit, sgd } from '../../../../lib/train/index.ts'

/** What PyTorch made of a network in four steps of SGD over the same batch: see export.py. */
interface Figures {
  readonly shape: readonly number[]
  readonly x: readonly number[]
  readonly labels: readonly number[]
  readonly losses: readonly number[]
  readonly after: readonly number[]
  readonly parameters: number
}
const folder = join(packageFolder(), 'test/lib/train/exported')
const figures = JSON.parse(readFileSync(join(folder, 'figures.json'), 'utf8')) as Record<string, Figures>
const read = (name: string) => Model.read(join(folder, `${name}.onnx`))

async function trained(name: string, model = read(name)) {
  const { shape, x, labels, losses } = figures[name]!
  const input = Tensor.float32(shape, x)
  const data = Dataset.of({ name, source: 'a test', complete: true, inputs: { x: input }, labels })
  const run = await fit(model, data, { epochs: losses.length, batchSize: labels.length, optimizer: sgd({ lr: 0.5 }), quiet: true, device: 'cpu' })
  const session = await run.model.session({ device: 'cpu' })
  const { y } = await session.run({ x: input })
  return { run, after: (y as Tensor).toNumbers() }
}

function near(ours: readonly number[], theirs: readonly number[], what: string): void {
  assert.equal(ours.length, theirs.length, what)
  const off = Math.max(...ours.map((v, i) => Math.abs(v - theirs[i]!) / Math.max(1, Math.abs(theirs[i]!))))
  assert.ok(off < 1e-4, `${what}: off by ${off}\n${ours}\n${theirs}`)
}

for (const name of Object.keys(figures))
  test(`${name}: what PyTorch exported learns as it does in PyTorch`, async () => {
    const { run, after } = await trained(name)
    near(run.losses, figures[name]!.losses, 'losses')
    near(after, figures[name]!.after, 'what the trained network answers')
  })
