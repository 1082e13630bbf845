import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { backends } from '../../../lib/measure/backends.ts'
import { processorEnergy } from '../../../lib/measure/energy.ts'
import { backendPython, type PythonBackend } from '../../../lib/measure/python-backends.ts'
import { models } from '../../../lib/nn/index.ts'

const model = models.mnistCnn()
const feeds = { [model.graph.inputs[0]!.name]: Tensor.float32([2, 1, 28, 28], Float32Array.from({ length: 2 * 784 }, (_, i) => Math.sin(i))) }

test('a model runs on the CPU, and a backend that is absent is a row with the reason and the way to get it', async () => {
  const cache = process.env.XDG_CACHE_HOME
  process.env.XDG_CACHE_HOME = join(tmpdir(), 'nothing-is-installed-here')
  try {
    const result = await backends(model, { feeds, seconds: 0.2, threads: 1 })
    assert.deepEqual(result.rows.map(({ backend }) => backend), ['cpu', 'webgpu', 'cuda', 'tensorrt', 'openvino', 'tvm'])
    const [cpu, ...others] = result.rows
    assert.ok(cpu!.latency!.median > 0 && cpu!.difference === 0)
    for (const { latency, reason, difference } of others) assert.ok(latency ? difference! < 1e-3 : reason!.length > 10)
    assert.match(result.rows.at(-1)!.reason!, /hone backends install tvm/)
    assert.match(result.table()['text/plain'], /ONNX Runtime, cpu .*\n.*webgpu/)
  } finally {
    if (cache === undefined) delete process.env.XDG_CACHE_HOME
    else process.env.XDG_CACHE_HOME = cache
  }
})

for (const name of ['openvino', 'tvm'] as const satisfies PythonBackend[])
  test(`${name} gives what ONNX Runtime gives`, { skip: backendPython(name) ? false : `hone backends install ${name}` }, async () => {
    const { rows } = await backends(model, { feeds, seconds: 0.5, threads: 1, backends: ['cpu', name] })
    assert.equal(rows[1]!.reason, null)
    assert.ok(rows[1]!.difference! < 1e-4 && rows[1]!.latency!.median > 0 && /^\d+\.\d+/.test(rows[1]!.version!))
  })

test('an unknown backend, and a model that the first one does not run, are errors', async () => {
  await assert.rejects(backends(model, { feeds, backends: ['tpu' as 'cpu'] }), /there is no backend "tpu", only cpu, webgpu/)
  await assert.rejects(backends(model, { feeds: {}, backends: ['cpu'] }), /is missing/)
})

test('the energy of all processors is added up, a counter that ran round included; where there is none, none is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hone-powercap-'))
  const write = (name: string, now: number) => {
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, 'energy_uj'), `${now}\n`)
    writeFileSync(join(folder, name, 'max_energy_range_uj'), '10000000\n')
  }
  try {
    assert.equal(await processorEnergy(async () => {}, folder), null)
    write('intel-rapl:0', 1_000_000)
    write('intel-rapl:0:0', 500)
    write('intel-rapl:1', 9_000_000)
    const joules = await processorEnergy(async () => {
      write('intel-rapl:0', 3_000_000)
      write('intel-rapl:1', 500_000)
    }, folder)
    assert.equal(joules, 2 + 1.5)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
