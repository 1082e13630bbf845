import { Builder } from '../../lib/graph/builder.ts'
import { Graph } from '../../lib/graph/graph.ts'
import { nn, passes, Tensor } from '../../lib/index.ts'
import { figures } from './figures.ts'
import type { Row } from './main.ts'

const RUNS = 5

/** Passes that go over every weight, and one that changes the structure alone. */
const OVER_WEIGHTS: Readonly<Record<string, passes.Pass>> = {
  foldBatchNorm: passes.foldBatchNorm(),
  fuseActivation: passes.fuseActivation(),
  pruneChannels: passes.pruneChannels({ amount: 0.5 }),
  pruneL1: passes.pruneL1({ amount: 0.5 }),
  'pruneL1 of all layers together': passes.pruneL1({ amount: 0.5, scope: 'global' }),
  pruneRandom: passes.pruneRandom({ amount: 0.5 }),
  pruneNofM: passes.pruneNofM(),
  pruneBlocks: passes.pruneBlocks({ amount: 0.5 }),
  pruneColumns: passes.pruneColumns({ amount: 0.5 }),
  flushDenormals: passes.flushDenormals(),
  quantizeDynamic: passes.quantizeDynamic({ force: true }),
  halfPrecision: passes.halfPrecision({ device: 'cuda' }),
  float8: passes.float8(),
  packWeights: passes.packWeights(),
}

const OVER_ZEROS: Readonly<Record<string, passes.Pass>> = { holdZeros: passes.holdZeros(), packWeights: passes.packWeights() }

const OVER_NODES: Readonly<Record<string, passes.Pass>> = {
  removeIdentities: passes.removeIdentities(),
  foldConstants: passes.foldConstants(),
  commonSubexpressions: passes.commonSubexpressions(),
  foldBatchNorm: passes.foldBatchNorm(),
  foldAffine: passes.foldAffine(),
  mergeLayouts: passes.mergeLayouts(),
  mergeLinear: passes.mergeLinear(),
  fuseMatMulAdd: passes.fuseMatMulAdd(),
  fuseActivation: passes.fuseActivation(),
}

const NODES = 10_000

/** Processor time of single passes, over 25 million weights and over 10,000 nodes, and memory that calibration takes by the number of its batches. */
export async function costs(print: (row: Row) => void): Promise<void> {
  const row = (of: string, metric: string, unit: string, values: readonly number[]) => print({ bench: 'passes', case: `costs, ${of}`, who: 'hone', metric, unit, ...figures(values) })
  const resnet50 = nn.models.resnet50()
  for (const [name, pass] of Object.entries(OVER_WEIGHTS)) row(`${name} of ResNet-50`, 'processor time', 's', await times(pass, resnet50.graph))
  const { graph: sparse } = await passes.pruneL1({ amount: 0.7 }).apply(resnet50.graph)
  for (const [name, pass] of Object.entries(OVER_ZEROS)) row(`${name} of ResNet-50 with 70 % zeros`, 'processor time', 's', await times(pass, sparse))
  const { graph: folded } = await passes.foldBatchNorm().apply(resnet50.graph)
  row('equalize of ResNet-50 without batch norms', 'processor time', 's', await times(passes.equalize(), folded))
  const large = chain(NODES)
  for (const [name, pass] of Object.entries(OVER_NODES)) row(`${name} of ${NODES.toLocaleString('en')} nodes`, 'processor time', 's', await times(pass, large))
  const small = nn.models.vgg11()
  for (const batches of [10, 200]) row(`quantize, ${batches} batches of 8`, 'bytes more than before', 'bytes', [await growth(small.graph, batches)])
}

async function times(pass: passes.Pass, graph: Graph): Promise<number[]> {
  const found: number[] = []
  await pass.apply(graph)
  for (let run = 0; run < RUNS; run++) {
    const before = process.cpuUsage()
    await pass.apply(graph)
    const { user, system } = process.cpuUsage(before)
    found.push((user + system) / 1e6)
  }
  return found
}

/** By how much the process grows at most while it calibrates. Batches are made when they are asked for. */
async function growth(graph: Graph, batches: number): Promise<number> {
  function* calibrate() {
    for (let i = 0; i < batches; i++) {
      most = Math.max(most, process.memoryUsage().rss)
      yield { [graph.inputs[0]!.name]: Tensor.float32([8, 3, 32, 32], new Float32Array(8 * 3072).map((_, k) => Math.sin(k * (i + 1)))) }
    }
  }
  const before = process.memoryUsage().rss
  let most = before
  await passes.quantize({ calibrate: calibrate() }).apply(graph)
  return most - before
}

/** Nodes in a row, with a constant to fold for every tenth. */
function chain(count: number): Graph {
  const graph = new Graph('chain')
  const builder = new Builder(graph)
  let x = graph.input('x', 'float32', [4, 8])
  for (let made = 0; made < count; ) {
    const scale = made % 10 ? builder.tensor(Tensor.float32([8], Array(8).fill(1 + made / count))) : builder.exp(builder.tensor(Tensor.float32([8], Array(8).fill(0))))
    x = builder.op(made % 20 < 10 ? 'Relu' : 'Sigmoid', [builder.add(x, scale)])
    made += made % 10 ? 2 : 3
  }
  graph.addOutput(x, 'y')
  return graph
}
