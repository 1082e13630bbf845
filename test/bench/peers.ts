import { existsSync } from 'node:fs'
import path from 'node:path'
import { processContender, type ProcessContender } from '../../lib/measure/process.ts'

/** What hone is measured beside, as `npm run bench:peers` sets it up. */
const ROOT = path.resolve(import.meta.dirname, '..', '..', '..')
const FOLDER = path.join(ROOT, '.cache', 'peers')
const SCRIPTS = path.join(ROOT, 'test', 'bench', 'peers')
const PYTHON = path.join(FOLDER, 'python', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
/** Where `hone tfjs install` builds with this folder as its cache. */
const TFJS = path.join(FOLDER, 'hone', 'tensorflow', 'cpu')
const program = (name: string) => path.join(FOLDER, 'node', 'node_modules', '.bin', name)

export type KernelPeer = 'ipykernel' | 'tslab' | 'deno'

const isReady = (name: string) => existsSync(path.join(FOLDER, `${name}.ready`))

/** A network of the benchmarks: its training step or its inference, with random weights and pictures. */
export interface NetworkTask {
  readonly network: 'vgg11' | 'resnet18' | 'mnist-cnn' | 'lstm'
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
    ...(network !== 'lstm' && { 'tfjs-node': [process.execPath, path.join(SCRIPTS, 'tfjs-node.cjs'), TFJS, ...task] }),
  }
  return started(commands, batch)
}

/** PyTorch's DataLoader over pictures in a folder that loader.ts has written; a call is an epoch. */
export async function loaderPeers(folder: string, { images, batch, workers }: { readonly images: number; readonly batch: number; readonly workers: number }): Promise<Record<string, ProcessContender>> {
  return started({ pytorch: [PYTHON, path.join(SCRIPTS, 'pytorch-loader.py'), folder, `${batch}`, `${workers}`] }, images)
}

type Command = readonly [program: string, ...args: string[]]

async function started(commands: Readonly<Record<string, Command>>, perCall: number): Promise<Record<string, ProcessContender>> {
  const ready = Object.entries(commands).filter(([name]) => isReady(name))
  const entries = await Promise.all(ready.map(async ([name, [program, ...args]]) => [name, await processContender(program, args, { perCall })] as const))
  return Object.fromEntries(entries)
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

export const anyPeer = (): boolean => ['pytorch', 'tfjs-node', 'ipykernel', 'tslab', 'deno'].some(isReady)
