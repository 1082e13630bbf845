import type { Environment } from '../measure/environment.ts'
import type { Conditions, DataUsed } from './verdict.ts'

export { environment, type Environment } from '../measure/environment.ts'

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
    ['Data', Object.entries(data).map(dataLine).join('; ')],
    ['Run', `profile ${run.profile}, seed ${run.seed}, ${run.seconds.toFixed(0)} s, started ${run.started}`],
  ]
}

/** Another data set in the place of the document's, or a part of it, shows how the method works, and no more. */
function dataLine([wanted, { name, complete }]: readonly [string, DataUsed]): string {
  return complete ? `${name}, complete` : `${name} in the place of the complete ${wanted}: method only`
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(0)} GiB`
