import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { userCache } from '../files.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { named, type Tensors } from '../runtime/boundary.ts'
import { loadable, structureOf, type ModelSource } from '../runtime/model.ts'
import { BACKEND_SCRIPT } from './backend-script.ts'
import { processContender, type ProcessContender } from './process.ts'

export type PythonBackend = 'openvino' | 'tvm'

/** Runtimes that are Python packages, each in an environment of its own: what they are, and what is installed there. */
export const PYTHON_BACKENDS: Readonly<Record<PythonBackend, { readonly title: string; readonly packages: readonly string[] }>> = {
  openvino: { title: 'OpenVINO', packages: ['openvino'] },
  tvm: { title: 'TVM', packages: ['apache-tvm', 'onnx'] },
}

/** The environment that a runtime is installed in. */
export const backendFolder = (name: PythonBackend): string => join(userCache(), 'backends', name)

/** The Python of that environment, and null where there is none. */
export function backendPython(name: PythonBackend): string | null {
  const python = join(backendFolder(name), ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']))
  return existsSync(python) ? python : null
}

/** A model that another runtime has loaded and run once. */
export interface LoadedBackend {
  readonly version: string
  readonly outputs: readonly Tensor[]
  readonly contender: ProcessContender
}

/** Writes the model and its inputs for a runtime's own process, and starts it. @throws Error where it is not installed, or does not take the model. */
export async function loadPythonBackend(name: PythonBackend, model: ModelSource, feeds: Tensors, threads: number): Promise<LoadedBackend> {
  const python = backendPython(name)
  if (!python) throw new Error(`it is not installed: hone backends install ${name}`)
  const folder = mkdtempSync(join(tmpdir(), `hone-${name}-`))
  try {
    const file = loadable(model)
    writeFileSync(join(folder, 'model.onnx'), typeof file === 'string' ? readFileSync(file) : file)
    const graph = structureOf(model)
    const inputs = Object.entries(graph ? named(graph, feeds) : feeds)
    writeFileSync(join(folder, 'inputs.json'), JSON.stringify(inputs.map(([input, { dtype, shape }]) => ({ name: input, dtype, shape }))))
    inputs.forEach(([, tensor], i) => writeFileSync(join(folder, `input_${i}.bin`), tensor.bytes))
    const contender = await processContender(python, ['-c', BACKEND_SCRIPT, name, folder, `${threads}`], { env: { TVM_NUM_THREADS: `${threads}` } })
    const { version, outputs } = JSON.parse(readFileSync(join(folder, 'outputs.json'), 'utf8')) as { version: string; outputs: { dtype: DataType; shape: number[] }[] }
    return { version, contender, outputs: outputs.map(({ dtype, shape }, i) => Tensor.raw(dtype, shape, readFileSync(join(folder, `output_${i}.bin`)))) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
