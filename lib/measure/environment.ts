import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'

/** The machine and the versions that a figure was measured with. */
export interface Environment {
  readonly processor: string
  /** Cores that this process may use. */
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  /** `null` where there is none. */
  readonly accelerator: { readonly name: string; readonly driver: string } | null
  readonly system: string
  readonly versions: { readonly node: string; readonly onnxruntime: string; readonly hone: string }
}

/** Looks at the machine. */
export function environment(): Environment {
  return {
    processor: os.cpus()[0]?.model.trim() ?? os.arch(),
    cores: os.availableParallelism(),
    memory: os.totalmem(),
    accelerator: (accelerator ??= { found: nvidiaGpu() }).found,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    versions: { node: process.versions.node, onnxruntime: version('onnxruntime-node'), hone: version('honejs') },
  }
}

/** What makes figures of two runs no fair comparison, one line a difference; none where both ran alike. */
export function differences(a: Environment, b: Environment): string[] {
  const told = (name: string, x: unknown, y: unknown) => (x === y ? [] : [`${name}: ${x ?? 'none'} and ${y ?? 'none'}`])
  return [
    ...told('processor', a.processor, b.processor),
    ...told('cores', a.cores, b.cores),
    ...told('memory (bytes)', a.memory, b.memory),
    ...told('accelerator', a.accelerator?.name, b.accelerator?.name),
    ...told('driver', a.accelerator?.driver, b.accelerator?.driver),
    ...told('system', a.system, b.system),
    ...told('Node', a.versions.node, b.versions.node),
    ...told('ONNX Runtime', a.versions.onnxruntime, b.versions.onnxruntime),
    ...told('hone', a.versions.hone, b.versions.hone),
  ]
}

/** Asked once a process: the answer takes a while where there is a GPU. */
let accelerator: { readonly found: Environment['accelerator'] } | undefined

function nvidiaGpu(): Environment['accelerator'] {
  try {
    const query = ['--query-gpu=name,driver_version', '--format=csv,noheader']
    const output = execFileSync('nvidia-smi', query, { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'ignore'] })
    const [name, driver] = output.split('\n')[0].split(', ')
    return { name, driver }
  } catch {
    return null
  }
}

function version(name: string): string {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
