import { existsSync } from 'node:fs'
import path from 'node:path'
import { processContender, type ProcessContender } from '../../lib/measure/process.ts'

/** What hone is measured beside, as `npm run bench:peers` sets it up. */
const ROOT = path.resolve(import.meta.dirname, '..', '..', '..')
const FOLDER = path.join(ROOT, '.cache', 'peers')
const SCRIPTS = path.join(ROOT, 'test', 'bench', 'peers')
const PYTHON = path.join(FOLDER, 'python', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
const program = (name: string) => path.join(FOLDER, 'node', 'node_modules', '.bin', name)

export type NetworkPeer = 'pytorch' | 'tfjs-node'
export type KernelPeer = 'ipykernel' | 'tslab' | 'deno'

const isReady = (name: string) => existsSync(path.join(FOLDER, `${name}.ready`))

/** A network of the benchmarks: its training step or its inference, with random weights and pictures. */
export interface NetworkTask {
  readonly network: 'vgg11' | 'resnet18' | 'mnist-cnn'
  readonly mode: 'train' | 'infer'
  readonly batch: number
  readonly threads: number
}

/** The peers that run networks and are set up, each in a process of its own, for `bench` beside hone's: times are told per picture. */
export async function networkPeers({ network, mode, batch, threads }: NetworkTask): Promise<Partial<Record<NetworkPeer, ProcessContender>>> {
  const task = [network, mode, `${batch}`, `${threads}`]
  const commands: Readonly<Record<NetworkPeer, readonly [string, ...string[]]>> = {
    pytorch: [PYTHON, path.join(SCRIPTS, 'pytorch.py'), ...task],
    'tfjs-node': [process.execPath, path.join(SCRIPTS, 'tfjs-node.cjs'), path.join(FOLDER, 'tfjs'), ...task],
  }
  const started = Object.entries(commands).filter(([name]) => isReady(name)).map(async ([name, [command, ...args]]) => [name, await processContender(command, args, { perCall: batch })] as const)
  return Object.fromEntries(await Promise.all(started))
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
