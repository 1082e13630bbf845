import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { Graph } from '../graph/graph.ts'
import { encodeModel } from '../graph/encode.ts'

/** What came of running a small model on a device. */
export interface Trial {
  readonly works: boolean
  /** The graphics drivers that it loaded (Linux). */
  readonly drivers: readonly string[]
  readonly message: string
}

async function attempt(device: string): Promise<Trial> {
  const graph = new Graph('probe')
  graph.addOutput(graph.add('Relu', [graph.input('x', 'float32', [1])]).output, 'y')
  try {
    const session = await InferenceSession.create(encodeModel(graph), { executionProviders: [device] })
    await session.run({ x: new Tensor('float32', [1], [1]) })
    return { works: true, drivers: loadedDrivers(), message: '' }
  } catch (failure) {
    return { works: false, drivers: [], message: (failure as Error).message }
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
