import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { swiftshader } from '../../gpu/swiftshader.ts'

const env = swiftshader()
const skip = env ? false : 'no Chromium is installed, whose SwiftShader would be the WebGPU adapter (on Debian: apt-get install chromium)'

describe('WebGPU, on SwiftShader', { skip }, () => {
  const found = new Map<string, unknown>()
  before(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('./webgpu-cases.js', import.meta.url))], { env: env!, timeout: 300_000 })
    for (const line of stdout.trim().split('\n')) found.set(...(JSON.parse(line) as [string, unknown]))
  })
  after(() => found.clear())

  test('an adapter that is emulated counts as no GPU: auto takes the CPU', () => {
    const { available, software, description, auto } = found.get('adapter') as Record<string, unknown>
    assert.deepEqual([available, software, auto], [true, true, 'cpu'])
    assert.match(String(description), /software adapter.*swiftshader/)
  })

  for (const kind of ['gradients', 'outputs'])
    test(`${kind} equal the CPU's`, () => {
      const distances = [...found].filter(([name]) => name.startsWith(kind))
      assert.ok(distances.length > 0)
      for (const [name, distance] of distances) assert.ok((distance as number) < 1e-5, `${name}: ${distance}`)
    })

  test('what the provider cannot run is refused by the name of the node and its operator', () => {
    assert.match(String(found.get('refusal of an operator')), /^indexed: pool1 \(MaxPool\) fails on webgpu: .*Indices.*\. The CPU may run it: device: 'cpu'\.$/)
  })

  test('an adapter without 16-bit floats refuses them before the first step', () => {
    assert.match(String(found.get('refusal of float16')), /^mixed-float16 is not possible on webgpu: this one \(software adapter, .*\) has no 16-bit floats\. Take float32\.$/)
  })
})
