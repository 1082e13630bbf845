import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import type { Conditions } from './verdict.ts'

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

/** How a study was run. */
export interface RunOptions extends Omit<Conditions, 'cores'> {
  readonly seed: number
  /** Threads within an operator. */
  readonly threads: number
}

/** The machine, the run's options and its total time. */
export interface RunEnvironment extends Environment, RunOptions {
  readonly study: string
  /** ISO 8601. */
  readonly started: string
  /** From the study's start to this report. */
  readonly seconds: number
}

/** The machine in one line. */
export function machineLine({ processor, cores, memory, accelerator, versions }: Environment): string {
  const gpu = accelerator ? accelerator.name : 'no NVIDIA GPU'
  return `hone ${versions.hone}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}; ${processor}, ${cores} cores, ${gibibytes(memory)} memory, ${gpu}`
}

/** What a reader of a report wants to know of it: name and value. */
export function environmentRows(run: RunEnvironment): (readonly [name: string, value: string])[] {
  const { accelerator, versions, data } = run
  return [
    ['Processor', `${run.processor}, ${run.cores} cores, ${gibibytes(run.memory)} memory`],
    ['Accelerator', accelerator ? `${accelerator.name}, driver ${accelerator.driver}` : 'none'],
    ['System', run.system],
    ['Versions', `hone ${versions.hone}, ONNX Runtime ${versions.onnxruntime}, Node ${versions.node}`],
    ['Device', `${run.device}, ${run.threads} ${run.threads === 1 ? 'thread' : 'threads'} an operator`],
    ['Data', `${data.name}, ${data.complete ? 'complete' : 'not complete'}`],
    ['Run', `profile ${run.profile}, seed ${run.seed}, ${run.seconds.toFixed(0)} s, started ${run.started}`],
  ]
}

/** Looks at the machine. */
export function environment(): Environment {
  return {
    processor: os.cpus()[0]?.model.trim() ?? os.arch(),
    cores: os.availableParallelism(),
    memory: os.totalmem(),
    accelerator: nvidiaGpu(),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    versions: { node: process.versions.node, onnxruntime: version('onnxruntime-node'), hone: version('honejs') },
  }
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(0)} GiB`

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
