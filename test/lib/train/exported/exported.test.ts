import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
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

for (const name of Object.keys(figures).filter((name) => name !== 'position'))
  test(`${name}: what PyTorch exported learns as it does in PyTorch`, async () => {
    const { run, after } = await trained(name)
    near(run.losses, figures[name]!.losses, 'losses')
    near(after, figures[name]!.after, 'what the trained network answers')
  })

test('a positional embedding, which a file does not tell from a mask, is named by the summary and by the table of epochs, and learned after unfreeze', async () => {
  const model = read('position')
  const note = /left as it is by training: position; to have it learned say model\.unfreeze\('position'\)/
  assert.match(inspect(model), note)
  assert.match(inspect((await trained('position', model)).run), note)
  const whole = model.unfreeze('position')
  assert.deepEqual([model.trainable, whole.trainable, model.unfreeze().trainable], [figures['position']!.parameters - 20, figures['position']!.parameters, model.trainable])
  assert.doesNotMatch(inspect(whole), note)
  const { run, after } = await trained('position', whole)
  near(run.losses, figures['position']!.losses, 'losses')
  near(after, figures['position']!.after, 'what the trained network answers')
  assert.throws(() => model.unfreeze('elsewhere'), /no parameter is called elsewhere/)
})

test('parameters that an exporter stored once have the names that they have in PyTorch', () => {
  const names = read('fresh-norms').graph.initializers.map(String)
  for (const name of ['weight', 'bias', 'running_mean', 'running_var']) for (const layer of ['2', '5']) assert.ok(names.includes(`${layer}.${name}`), `${layer}.${name} is not among ${names}`)
  assert.equal(read('fresh-norms').trainable, figures['fresh-norms']!.parameters)
})

test('a network that was exported in training mode is validated by its running statistics', async () => {
  const model = read('in-training-mode')
  assert.equal(model.graph.nodes('BatchNormalization')[0]!.int('training_mode'), 1)
  const { run } = await trained('in-training-mode', model)
  assert.deepEqual(run.model.graph.nodes('BatchNormalization').map((node) => [node.int('training_mode'), node.outputs.length]), [[0, 1]])
  const session = await run.model.session({ device: 'cpu' })
  const one = (values: readonly number[]) => Tensor.float32([1, 5], values)
  const answers = await Promise.all([[1, 2, 3, 4, 5], [0, 0, 0, 0, 0]].map((values) => session.run({ x: one(values) })))
  assert.notDeepEqual((answers[0]!.y as Tensor).toNumbers(), (answers[1]!.y as Tensor).toNumbers())
})
