import { sizeOf, Tensor } from '../../lib/graph/tensor.ts'
import { bench as time, nn, passes, Session } from '../../lib/index.ts'
import { lower } from '../../lib/lower/index.ts'
import { choose } from '../../lib/measure/choose.ts'
import { random } from '../../lib/random.ts'
import { figures } from './figures.ts'
import type { Row } from './main.ts'

const THREADS = 2
const SECONDS = 10
const BATCHES = [64, 16, 1]

/** Images a second of each network, as ONNX Runtime runs it by itself and lowered by what was chosen for the batch size, side by side. */
export async function bench(print: (row: Row) => void): Promise<void> {
  const prepared = passes.pipeline([passes.removeIdentities(), passes.foldConstants(), passes.foldBatchNorm()])
  for (const network of [nn.models.vgg11(), nn.models.resnet18(), nn.models.mnistCnn({ dropout: false })]) {
    const { graph } = await prepared.apply(network.graph)
    for (const batch of BATCHES) {
      const sizes = { N: batch }
      const choices = await choose(graph, { sizes, threads: THREADS })
      const shape = [batch, ...(graph.inputs[0]!.shape!.slice(1) as number[])]
      const source = random(1)
      const x = Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next() * 2 - 1))
      const run = (model: typeof graph) => Session.create(model, { device: 'cpu', threads: THREADS }).bind({ x })
      const contenders = { onnxruntime: { run: await run(graph), perCall: batch }, hone: { run: await run(lower(graph, 'cpu', { sizes, choices }).graph), perCall: batch } }
      for (const { name, samples } of await time(contenders, { seconds: SECONDS }))
        print({ bench: 'infer', case: `${graph.name}, batch ${batch}`, who: name, metric: 'throughput', unit: 'images/s', ...figures(samples.map((seconds) => 1 / seconds)) })
    }
  }
}
