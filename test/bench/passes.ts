import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Dataset } from '../../lib/data/dataset.ts'
import { sizeOf, Tensor } from '../../lib/graph/tensor.ts'
import { accuracy, bench as time, cost, data, Model, nn, passes, Session } from '../../lib/index.ts'
import { random } from '../../lib/random.ts'
import { figures } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'
import { costs } from './pass-costs.ts'
import { applyTool, torchPruned, type ModelTool } from './peers.ts'
import { trained } from './trained.ts'

const THREADS = 2
const SECONDS = 12
/** Samples that quantization is calibrated with. */
const CALIBRATION = 50

const { removeIdentities, foldConstants, foldBatchNorm, foldAffine, mergeLayouts, mergeLinear, commonSubexpressions, fuseMatMulAdd, fuseResidual, fuseActivation } = passes
const FOLDED = passes.pipeline([removeIdentities(), foldConstants(), foldBatchNorm(), foldAffine(), mergeLayouts(), mergeLinear(), commonSubexpressions()])
const FUSED = passes.pipeline([FOLDED, fuseMatMulAdd(), fuseResidual(), fuseActivation()])

const [SIMPLIFIED, HALVED] = ['simplified', 'half the channels']

/** What is done to a network, by whom: the peers' tools that do the same. */
const TOOLS: Readonly<Record<string, Readonly<Record<string, ModelTool>>>> = {
  simplified: { onnxsim: 'onnxsim', onnxscript: 'onnxscript', onnxruntime: 'onnxruntime-shapes' },
  int8: { onnxruntime: 'onnxruntime-int8', nncf: 'nncf-int8' },
}

interface Contender {
  readonly what: string
  readonly who: string
  readonly file: string
}

/** A network, and the samples that calibrate and judge it, where there are any. */
interface Network {
  readonly model: Model
  readonly learned?: Dataset<unknown>
  readonly unseen?: Dataset<unknown>
}

const NETWORKS: Readonly<Record<string, () => Promise<Network>>> = {
  vgg11: () => trained('vgg11') as Promise<Network>,
  resnet18: () => trained('resnet18') as Promise<Network>,
  'mobilenet-v2': async () => ({ model: nn.models.mobilenetV2({ imageSize: 32 }) }),
  lprnet: async () => {
    const plates = (await data.lprnet()) as Dataset<unknown>
    return { model: nn.models.lprnet({ weights: 'published' }), learned: plates, unseen: plates }
  },
}

/**
 * Nodes, bytes, time a sample and, where there is data, accuracy of networks that passes made, and that the peers' tools made of the same networks; all are run by ONNX
 * Runtime, in turn. The case `costs`: what the passes themselves take.
 */
export async function bench(print: (row: Row) => void, { peers, cases, seconds = SECONDS }: BenchOptions): Promise<void> {
  if (!cases.length || cases.includes('costs')) await costs(print)
  for (const [network, prepare] of Object.entries(NETWORKS).filter(([name]) => !cases.length || cases.includes(name))) {
    const { model, learned, unseen } = await prepare()
    const folder = mkdtempSync(path.join(tmpdir(), 'hone-bench-passes-'))
    try {
      const samples = learned ? learned.batch(CALIBRATION)[model.graph.inputs[0]!.name]! : noise(model)
      const contenders = await prepared(network, model, samples, folder, peers, print)
      const feeds = { [model.graph.inputs[0]!.name]: samples.take(0, [0]) }
      const sessions = await Promise.all(contenders.map(({ file }) => Session.create(file, { device: 'cpu', threads: THREADS })))
      const runs = sessions.map((session) => ({ run: session.bind({ [session.inputs[0]!.name]: Object.values(feeds)[0]! }) }))
      const times = [...(await time(Object.fromEntries(runs.map((run, i) => [`${contenders[i]!.what} ${contenders[i]!.who}`, run])), { seconds }))]
      for (const [i, { what, who, file }] of contenders.entries()) {
        const made = Model.read(file)
        const row = (metric: string, unit: string, values: readonly number[]) => print({ bench: 'passes', case: `${network}, ${what}`, who, metric, unit, ...figures(values) })
        row('nodes', 'nodes', [made.graph.nodes().filter(({ type }) => type !== 'Constant').length])
        row('size', 'bytes', [statSync(file).size])
        row('time per sample', 's', times[i]!.samples)
        const { speedup } = times[i]!
        if (speedup) print({ bench: 'passes', case: `${network}, ${what}`, who, metric: 'times as fast as the original (95 % interval)', unit: '', median: speedup.value, p25: speedup.low, p75: speedup.high, runs: times[i]!.runs })
        if (what === HALVED && who === 'hone') row('time over what the multiply-adds promise', '', [times[i]!.median / times[contenders.findIndex((it) => it.what === SIMPLIFIED)]!.median / (macs(made) / macs(model))])
        if (unseen && what !== HALVED) row('accuracy', 'share', [(await accuracy(made, unseen, { device: 'cpu', threads: THREADS })).value])
        await sessions[i]!.release()
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

/** The network as it is, as hone's passes make it, and as the peers' tools do: files. */
async function prepared(network: string, model: Model, samples: Tensor, folder: string, peers: boolean, print: (row: Row) => void): Promise<Contender[]> {
  const at = (what: string, who: string): Contender => ({ what, who, file: path.join(folder, `${what} ${who}.onnx`) })
  const [original, calibration] = [at('original', 'hone'), path.join(folder, 'calibration.npy')]
  model.write(original.file)
  writeFileSync(calibration, numpyFile(samples))
  const calibrate = Array.from({ length: samples.shape[0]! }, (_, i) => ({ [model.graph.inputs[0]!.name]: samples.take(0, [i]) }))
  const pipelines = {
    [SIMPLIFIED]: FUSED,
    int8: passes.pipeline([FOLDED, passes.quantize({ calibrate }), fuseActivation()]),
    [HALVED]: passes.pipeline([passes.pruneChannels({ amount: 0.5 }), FUSED]),
  }
  const made = [original]
  for (const [what, pass] of Object.entries(pipelines)) {
    const own = at(what, 'hone')
    ;(await model.apply(pass)).write(own.file)
    made.push(own)
    if (!peers) continue
    const makers = Object.entries(TOOLS[what] ?? {}).map(([who, tool]) => [who, (to: string) => applyTool(tool, original.file, to, calibration)] as const)
    // Torch-Pruning prunes PyTorch's networks, two of which are the same as here
    if (what === HALVED && (network === 'vgg11' || network === 'resnet18')) makers.push(['torch-pruning', (to) => torchPruned(network, to)])
    for (const [who, make] of makers) {
      const theirs = at(what, who)
      const problem = await make(theirs.file).then((done) => done ? null : 'it is not set up', (error: Error) => error.message)
      if (problem === null) made.push(theirs)
      else print({ bench: 'passes', case: `${network}, ${what}`, who, metric: 'time per sample', unit: 's', median: null, p25: null, p75: null, runs: 0, failed: problem })
    }
  }
  return made
}

const macs = (model: Model): number => Number(cost(model.graph, { N: 1 }).macs)

function noise(model: Model): Tensor {
  const shape = [CALIBRATION, ...(model.graph.inputs[0]!.shape!.slice(1) as number[])]
  const source = random(1)
  return Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next() * 2 - 1))
}

/** https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
function numpyFile({ shape, bytes }: Tensor): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  const padded = `${header.padEnd(64 * Math.ceil((header.length + 11) / 64) - 11)}\n`
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8])
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), bytes])
}
