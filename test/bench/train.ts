import { symbol } from '../../lib/graph/dim.ts'
import type { Graph } from '../../lib/graph/graph.ts'
import { sizeOf, Tensor } from '../../lib/graph/tensor.ts'
import { bench as time, Session } from '../../lib/index.ts'
import { lower } from '../../lib/lower/index.ts'
import { random } from '../../lib/random.ts'
import { crossEntropy } from '../../lib/train/loss.ts'
import { adam, sgd, type Optimizer } from '../../lib/train/optimizer.ts'
import { initialState, next, stateOf, trainingStep } from '../../lib/train/step.ts'
import { figures } from './figures.ts'
import type { Row } from './main.ts'
import { mnistCnn, resnet18, vgg11 } from './networks.ts'

const BATCH = 64
const THREADS = 2
const SECONDS = 40

const cases: readonly (readonly [name: string, model: Graph, optimizer: Optimizer])[] = [
  ['vgg11', vgg11(), sgd({ lr: 0.01, momentum: 0.9 })],
  ['resnet18', resnet18(), sgd({ lr: 0.01, momentum: 0.9 })],
  ['mnist-cnn', mnistCnn(), adam()],
]

/** Images that a training step takes in a second, lowered and as written, side by side; and how long the lowered step takes to compile. */
export async function bench(print: (row: Row) => void): Promise<void> {
  for (const [name, model, optimizer] of cases) {
    const step = trainingStep(model, { loss: crossEntropy, optimizer, target: { dtype: 'int64', shape: [symbol('N')] } })
    const begin = performance.now()
    const lowered = lower(step, 'cpu', { sizes: { N: BATCH }, state: stateOf(step) })
    const session = await open(lowered.graph)
    const compiled = (performance.now() - begin) / 1000
    const state = initialState(step, model)
    const contenders = {
      lowered: { run: stepping(session, model, lowered.pack(state)), perCall: BATCH },
      'as written': { run: stepping(await open(step), model, state), perCall: BATCH },
    }
    const result = await time(contenders, { seconds: SECONDS, baseline: 'as written' })
    for (const { name: how, samples } of result) print({ bench: 'train', case: `${name}, ${how}`, who: 'hone', metric: 'throughput', unit: 'images/s', ...figures(samples.map((seconds) => 1 / seconds)) })
    print({ bench: 'train', case: `${name}, lowered`, who: 'hone', metric: 'time to compile', unit: 's', ...figures([compiled]) })
  }
}

const open = (graph: Graph) => Session.create(graph, { device: 'cpu', threads: THREADS, denormalsAsZero: true })

/** One step after the other on the same batch of noise. */
function stepping(session: Session, model: Graph, state: Record<string, Tensor>): () => Promise<void> {
  const shape = [BATCH, ...(model.inputs[0]!.shape!.slice(1) as number[])]
  const source = random(1)
  const x = Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next() * 2 - 1))
  const target = Tensor.of('int64', [BATCH], Array.from({ length: BATCH }, () => source.below(10)))
  return async () => {
    const results = await session.run({ x, target, ...state })
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
  }
}
