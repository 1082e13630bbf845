import { sizeOf, Tensor } from '../../lib/graph/tensor.ts'
import { bench as time, choose, cost, lower, nn, passes, Session, type Model } from '../../lib/index.ts'
import type { Contender } from '../../lib/measure/contender.ts'
import { random } from '../../lib/random.ts'
import { printThroughput, wanted } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { networkPeers, type NetworkTask } from './peers.ts'

const THREADS = 2
const SECONDS = 12
const BATCHES = [64, 16, 1]

const networks: Readonly<Partial<Record<NetworkTask['network'], () => Model>>> = {
  vgg11: () => nn.models.vgg11(),
  resnet18: () => nn.models.resnet18(),
  'mnist-cnn': () => nn.models.mnistCnn({ dropout: false }),
}

/** Images a second of each network at each batch size: lowered as was chosen by timing, as ONNX Runtime runs it by itself, and the peers. */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  const prepared = passes.pipeline([passes.removeIdentities(), passes.foldConstants(), passes.foldBatchNorm()])
  for (const [name, make] of wanted(networks, cases)) {
    const model = make!()
    const { parameters } = cost(model)
    const { graph } = await prepared.apply(model.graph)
    for (const batch of BATCHES) {
      const sizes = { N: batch }
      const choices = await choose(graph, { sizes, threads: THREADS })
      const shape = [batch, ...(graph.inputs[0]!.shape!.slice(1) as number[])]
      const source = random(1)
      const x = Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next() * 2 - 1))
      const sessions = await Promise.all([lower(graph, 'cpu', { sizes, choices }).graph, graph].map((form) => Session.create(form, { device: 'cpu', threads: THREADS })))
      const [hone, onnxruntime] = sessions.map((session) => ({ run: session.bind({ x }), perCall: batch, settings: { threads: THREADS, parameters } }))
      const contenders: Record<string, Contender> = { hone: hone!, onnxruntime: onnxruntime!, ...(peers && await networkPeers({ network: name as NetworkTask['network'], mode: 'infer', batch, threads: THREADS })) }
      printThroughput(print, await time(contenders, { seconds, rest: peers ? 0.02 : 0 }), { bench: 'infer', case: `${name}, batch ${batch}`, unit: 'images/s' })
      await Promise.all(sessions.map((session) => session.release()))
    }
  }
}
