import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { Builder } from '../graph/builder.ts'
import { encodeModel } from '../graph/encode.ts'
import { Graph } from '../graph/graph.ts'
import type { DataType } from '../graph/tensor.ts'

/** What came of running a small model on a device. */
export interface Trial {
  readonly works: boolean
  /** Whether it computes in float16. */
  readonly float16: boolean
  /** The graphics drivers that it loaded (Linux). */
  readonly drivers: readonly string[]
  readonly message: string
}

/** Runs relu of a number on the device, in a type. */
async function compute(device: string, dtype: DataType): Promise<void> {
  const graph = new Graph('probe')
  const build = new Builder(graph)
  graph.addOutput(build.cast(build.relu(build.cast(graph.input('x', 'float32', [1]), dtype)), 'float32'), 'y')
  const session = await InferenceSession.create(encodeModel(graph), { executionProviders: [device], logSeverityLevel: 4 })
  await session.run({ x: new Tensor('float32', [1], [1]) })
}

async function attempt(device: string): Promise<Trial> {
  try {
    await compute(device, 'float32')
    return { works: true, float16: await compute(device, 'float16').then(() => true, () => false), drivers: loadedDrivers(), message: '' }
  } catch (failure) {
    return { works: false, float16: false, drivers: [], message: (failure as Error).message }
  }
}

/** Vulkan's installable client drivers among this process's mapped files. */
function loadedDrivers(): string[] {
  const maps = '/proc/self/maps'
  if (!existsSync(maps)) return []
  const files = readFileSync(maps, 'utf8').split('\n').map((line) => basename(line.trim().split(/\s+/).at(-1) ?? ''))
  return [...new Set(files)].filter((file) => /^lib(vulkan_|vk_|GLX_nvidia|nvidia-vulkan)\S*\.so/.test(file))
}

process.stdout.write(JSON.stringify(await attempt(process.argv[2])))
