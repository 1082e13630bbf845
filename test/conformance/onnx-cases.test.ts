import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Graph } from '../../lib/graph/graph.ts'
import { decodeModel, encodeModel, readModel } from '../../lib/graph/onnx.ts'
import { summary } from '../../lib/graph/print.ts'
import type { Tensor } from '../../lib/graph/tensor.ts'
import { disagreement } from '../../lib/measure/agree.ts'
import {
  commonSubexpressions, foldAffine, foldBatchNorm, foldConstants, fuseActivation, fuseGelu, fuseLayerNorm, fuseMatMulAdd, fuseResidual, mergeLayouts, mergeLinear, packWeights, removeIdentities,
} from '../../lib/passes/index.ts'
import type { Tensors } from '../../lib/runtime/boundary.ts'
import type { ModelSource } from '../../lib/runtime/model.ts'
import { Session } from '../../lib/runtime/session.ts'
import { CASES, judge, skip } from './onnx.ts'

const EXACT = [
  removeIdentities(), foldConstants(), foldBatchNorm(), foldAffine(), mergeLayouts(), mergeLinear(), commonSubexpressions(), fuseMatMulAdd(), fuseGelu(), fuseLayerNorm(), fuseResidual(), fuseActivation(), packWeights(),
]

/** A test case of the onnx package, and what ONNX Runtime makes of its model as it stands. */
interface Case {
  readonly name: string
  readonly file: string
  readonly graph: Graph
  readonly feeds: Tensors
  /** Null where ONNX Runtime does not run the model, or tensors are not all that goes in and comes out. */
  readonly outputs: Tensors | null
}

const cases: Case[] = []
const unread: string[] = []
const folder = mkdtempSync(path.join(tmpdir(), 'hone-onnx-'))
after(() => rmSync(folder, { recursive: true }))

before(async () => {
  if (skip) return
  for (const entry of readdirSync(CASES).filter((it) => it.endsWith('.onnx') && !it.endsWith('.values.onnx')).sort()) {
    const [name, file] = [entry.slice(0, -'.onnx'.length), path.join(CASES, entry)]
    try {
      const graph = readModel(file)
      const feeds = feedsOf(graph, path.join(CASES, `${name}.values.onnx`))
      cases.push({ name, file, graph, feeds: feeds ?? {}, outputs: feeds && (await outputs(readFileSync(file), feeds).catch(() => null)) })
    } catch (error) {
      unread.push(`${name}: ${(error as Error).message}`)
    }
  }
})

/** The inputs of a case, which lie as stored tensors in a model of their own. */
function feedsOf(graph: Graph, file: string): Tensors | null {
  try {
    const values = new Map(decodeModel(readFileSync(file)).initializers.map(({ name, initializer }) => [name, initializer!]))
    return Object.fromEntries(graph.inputs.flatMap(({ name }, i) => (values.has(`input_${i}`) ? [[name, values.get(`input_${i}`)!]] : [])))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

async function outputs(source: ModelSource, feeds: Tensors): Promise<Record<string, Tensor>> {
  const session = await Session.create(source, { device: 'cpu', threads: 1, graphOptimization: 'disabled' })
  try {
    return await session.run(feeds)
  } finally {
    await session.release()
  }
}

/** What is wrong with each case, a line each. */
async function problems(of: readonly Case[], look: (one: Case) => string | undefined | Promise<string | undefined>): Promise<string[]> {
  const found: string[] = []
  for (const one of of) {
    const problem = await Promise.resolve(one).then(look).catch((error: Error) => error.message)
    if (problem) found.push(`${one.name}: ${problem}`)
  }
  return found
}

test("every test case of ONNX's operators is read", { skip }, (t) => {
  t.diagnostic(`${cases.length} cases read`)
  assert.equal(unread.join('\n'), '')
  assert.ok(cases.length > 1800)
})

test('each is shown, every layer with its operator', { skip }, async () => {
  assert.equal((await problems(cases, ({ graph }) => {
    const shown = summary(graph).table()['text/plain']
    const missing = graph.nodes().find(({ type }) => type !== 'Constant' && !shown.includes(type))
    return missing && `${missing} is not shown`
  })).join('\n'), '')
})

test('each means the same after it was written, says the onnx package, and reads back as it was written', { skip }, async (t) => {
  const written = path.join(folder, 'written')
  mkdirSync(written)
  assert.equal((await problems(cases, ({ name, graph }) => {
    const bytes = encodeModel(graph)
    writeFileSync(path.join(written, `${name}.onnx`), bytes)
    return Buffer.compare(encodeModel(decodeModel(bytes)), bytes) === 0 ? undefined : 'read back and written again, it is another file'
  })).join('\n'), '')
  const { judged, problems: differences } = await judge(written, CASES)
  t.diagnostic(`${judged} models judged`)
  assert.equal(differences.join('\n'), '')
})

test('each that ONNX Runtime runs gives the same after it was written', { skip }, async (t) => {
  const runnable = cases.filter((one) => one.outputs)
  t.diagnostic(`${runnable.length} of ${cases.length} run on ONNX Runtime`)
  assert.ok(runnable.length > 1000)
  assert.equal((await problems(runnable, async ({ graph, feeds, outputs: expected }) => disagreement(await outputs(graph, feeds), expected, { relative: 0, absolute: 0 }))).join('\n'), '')
})

test('each exact pass that changes one leaves its outputs as they were', { skip }, async (t) => {
  const counts = new Map<string, number>()
  const wrong: string[] = []
  for (const pass of EXACT)
    wrong.push(...await problems(cases, async ({ graph, feeds, outputs: expected }) => {
      const result = await pass.apply(graph)
      if (!result.changes.length) return undefined
      counts.set(pass.name, (counts.get(pass.name) ?? 0) + 1)
      const difference = expected && disagreement(await outputs(result.graph, feeds), expected, { relative: 1e-4, absolute: 1e-5 })
      return difference ? `${pass.name}: ${difference}` : undefined
    }))
  assert.ok(counts.size > 3)
  t.diagnostic([...counts].map(([name, count]) => `${name} ${count}`).join(', '))
  assert.equal(wrong.join('\n'), '')
})
