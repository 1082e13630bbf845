// Computes on WebGPU and on the CPU, and prints how far they are apart: a JSON line a case. Runs in a process of its own, whose Vulkan driver is SwiftShader.
import { listDevices, resolveDevice } from '../../../lib/runtime/devices.ts'
import { Builder } from '../../../lib/graph/builder.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { checkDevice, mixed } from '../../../lib/train/precision.ts'
import { distance, gradientsOn, type Tensors } from '../../gpu/steps.ts'
import { smallTasks } from '../../gpu/tasks.ts'

const print = (name: string, value: unknown) => console.log(JSON.stringify([name, value]))

const { available, software, description } = (await listDevices()).find(({ device }) => device === 'webgpu')!
print('adapter', { available, software, description, auto: await resolveDevice('auto') })

async function outputsOn(device: 'webgpu' | 'cpu', graph: Graph, feeds: Tensors): Promise<Record<string, Float64Array>> {
  const session = await Session.create(graph, { device })
  const results = await session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!])))
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, Float64Array.from(tensor.toFloat32())]))
}

for (const [name, make] of Object.entries(smallTasks)) {
  const task = make()
  print(`gradients of ${name}`, distance(await gradientsOn('webgpu', task), await gradientsOn('cpu', task)))
  print(`outputs of ${name}`, distance(await outputsOn('webgpu', task.model, task.feeds), await outputsOn('cpu', task.model, task.feeds)))
}

const indexed = new Graph('indexed')
const [, indices] = new Builder(indexed).ops('MaxPool', [indexed.input('x', 'float32', [1, 1, 4, 4])], { kernel_shape: [2, 2], strides: [2, 2] }, { name: 'pool1', outputs: 2 })
indexed.addOutput(indices!, 'indices')
const refused = async (attempt: Promise<unknown>) => attempt.then(() => 'it worked', (error: Error) => error.message)
print('refusal of an operator', await refused(Session.create(indexed, { device: 'webgpu' }).then((session) => session.run({ x: Tensor.zeros('float32', [1, 1, 4, 4]) }))))
print('refusal of float16', await refused(checkDevice(mixed('float16'), 'webgpu')))
