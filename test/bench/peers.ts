import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { processContender, type ProcessContender } from '../../lib/measure/process.ts'

/** What hone is measured beside, as `npm run bench:peers` sets it up. */
const ROOT = path.resolve(import.meta.dirname, '..', '..', '..')
const FOLDER = path.join(ROOT, '.cache', 'peers')
const SCRIPTS = path.join(ROOT, 'test', 'bench', 'peers')
const IN_ENVIRONMENT = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'
const PYTHON = path.join(FOLDER, 'python', IN_ENVIRONMENT)
/** Where `hone tfjs install` builds with this folder as its cache. */
const TFJS = path.join(FOLDER, 'hone', 'tensorflow', 'cpu')
const program = (name: string) => path.join(FOLDER, 'node', 'node_modules', '.bin', name)

export type KernelPeer = 'ipykernel' | 'tslab' | 'deno'

const isReady = (name: string) => existsSync(path.join(FOLDER, `${name}.ready`))

/** A network of the benchmarks: its training step or its inference, with random weights and pictures. */
export interface NetworkTask {
  readonly network: 'vgg11' | 'resnet18' | 'mnist-cnn' | 'lstm' | 'lstm-adam' | 'lprnet'
  readonly mode: 'train' | 'infer'
  readonly batch: number
  readonly threads: number
}

/**
 * The peers that run networks and are set up, each in a process of its own, for `bench` beside hone's: times are told per picture. TensorFlow.js takes
 * an LSTM apart into thousands of calls a step, and minutes for some: it is left out.
 */
export async function networkPeers({ network, mode, batch, threads }: NetworkTask): Promise<Record<string, ProcessContender>> {
  const task = [network, mode, `${batch}`, `${threads}`]
  const commands: Record<string, Command> = {
    pytorch: [PYTHON, path.join(SCRIPTS, 'pytorch-networks.py'), ...task],
    ...(!['lstm', 'lstm-adam', 'lprnet'].includes(network) && { 'tfjs-node': [process.execPath, path.join(SCRIPTS, 'tfjs-node.cjs'), TFJS, ...task] }),
  }
  return started(commands, batch)
}

/** PyTorch's DataLoader over pictures in a folder that loader.ts has written; a call is an epoch. */
export async function loaderPeers(folder: string, { images, batch, workers }: { readonly images: number; readonly batch: number; readonly workers: number }): Promise<Record<string, ProcessContender>> {
  return started({ pytorch: [PYTHON, path.join(SCRIPTS, 'pytorch-loader.py'), folder, `${batch}`, `${workers}`] }, images)
}

type Command = readonly [program: string, ...args: string[]]

/** A peer that does not start is left out, and said. */
async function started(commands: Readonly<Record<string, Command>>, perCall: number): Promise<Record<string, ProcessContender>> {
  const peers: Record<string, ProcessContender> = {}
  for (const [name, [program, ...args]] of Object.entries(commands)) {
    if (!isReady(name)) continue
    try {
      peers[name] = await processContender(program, args, { perCall })
    } catch (error) {
      console.error(`${name} is left out: ${(error as Error).message}`)
    }
  }
  return peers
}

/** How the Jupyter kernels that are set up are started; `{connection_file}` stands for the connection file's path. */
export function kernelPeers(): Partial<Record<KernelPeer, readonly [string, ...string[]]>> {
  const commands: Readonly<Record<KernelPeer, readonly [string, ...string[]]>> = {
    ipykernel: [PYTHON, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
    tslab: [process.execPath, program('tslab'), 'kernel', '--config-path={connection_file}'],
    deno: [program('deno'), 'jupyter', '--kernel', '--conn', '{connection_file}'],
  }
  return Object.fromEntries(Object.entries(commands).filter(([name]) => isReady(name)))
}

export type ModelTool = 'onnxsim' | 'onnxscript' | 'onnxruntime-shapes' | 'onnxruntime-int8' | 'nncf-int8'

/** Makes another ONNX file of one, by a tool that is set up; false where it is not. @throws Error with its last words where it fails. */
export async function applyTool(tool: ModelTool, from: string, to: string, calibration: string): Promise<boolean> {
  return isReady('onnx-tools') && written(tool, path.join(FOLDER, 'onnx', IN_ENVIRONMENT), [path.join(SCRIPTS, 'onnx-tools.py'), tool, from, to, calibration])
}

/** Writes a network of the benchmarks, half of whose channels Torch-Pruning has removed, where that is set up. @throws Error with its last words where it fails. */
export async function torchPruned(network: NetworkTask['network'], to: string): Promise<boolean> {
  return isReady('torch-pruning') && written('torch-pruning', PYTHON, [path.join(SCRIPTS, 'torch-pruning.py'), network, to])
}

async function written(name: string, python: string, args: readonly string[]): Promise<true> {
  await promisify(execFile)(python, args, { timeout: 120_000, maxBuffer: 1e8 }).catch((error: Error & { stderr?: string }) => {
    throw new Error(`${name}: ${(error.stderr || error.message).trim().split('\n').at(-1)}`, { cause: error })
  })
  return true
}

export const anyPeer = (): boolean => ['pytorch', 'torch-pruning', 'onnx-tools', 'tfjs-node', 'ipykernel', 'tslab', 'deno'].some(isReady)
