// Computes on WebGPU and on the CPU, and prints how far they are apart: a JSON line a case. Runs in a process of its own, whose Vulkan driver is SwiftShader.
import { listDevices, resolveDevice } from '../../../lib/runtime/devices.ts'
import { nn, Session } from '../../../lib/index.ts'
import { sampleFeeds } from '../../../lib/measure/sample-feeds.ts'
import { distance, gradientsOn } from '../../gpu/steps.ts'
import { smallTasks } from '../../gpu/tasks.ts'

const print = (name: string, value: unknown) => console.log(JSON.stringify([name, value]))

const { available, software, description } = (await listDevices()).find(({ device }) => device === 'webgpu')!
print('adapter', { available, software, description, auto: await resolveDevice('auto') })

for (const [name, make] of Object.entries(smallTasks)) {
  const task = make()
  print(`gradients of ${name}`, distance(await gradientsOn('webgpu', task), await gradientsOn('cpu', task)))
}

const models = { mnistCnn: nn.models.mnistCnn(), lprnet: nn.models.lprnet({ weights: 'published' }), dense: nn.models.dense() }
for (const [name, { graph }] of Object.entries(models)) {
  const [gpu, cpu] = [await Session.create(graph, { device: 'webgpu' }), await Session.create(graph, { device: 'cpu' })]
  const feeds = sampleFeeds(cpu.inputs, { N: 2 })
  const [found, expected] = await Promise.all([gpu, cpu].map(async (session) => Object.fromEntries(Object.entries(await session.run(feeds)).map(([output, t]) => [output, Float64Array.from(t.toFloat32())]))))
  print(`outputs of ${name}`, distance(found!, expected!))
}
