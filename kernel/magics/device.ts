import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { UsageError, type Magic } from './magic.ts'

export const device: Magic = {
  name: 'device',
  summary: 'list the devices that networks can run on',
  usage: '%device lists them, with the way to get what is absent. %device NAME is the one that the name (cpu, cuda, webgpu, auto) stands for.',
  words: () => ['cpu', 'cuda', 'webgpu', 'auto'],
  async line(argument, { lib, print }) {
    const { listDevices, resolveDevice } = await lib()
    const wanted = argument.trim()
    if (wanted !== '') {
      return resolveDevice(wanted as Parameters<typeof resolveDevice>[0]).catch(({ message }: Error) => {
        throw new UsageError(message)
      })
    }
    for (const { device: name, available, description, reason, remedy } of await listDevices()) {
      print(`${name.padEnd(10)}${available ? (description ?? 'available') : `absent: ${reason}. ${remedy}`}\n`)
    }
  },
}

/** What nvidia-smi is asked; `nvidia-smi --help-query-gpu` explains each. */
const GPU_FIELDS = ['index', 'name', 'memory.used', 'memory.total', 'utilization.gpu', 'power.draw', 'power.limit', 'temperature.gpu']
const PROCESS_FIELDS = ['gpu_name', 'pid', 'process_name', 'used_memory']

export const gpu: Magic = {
  name: 'gpu',
  summary: 'memory, use, power draw, temperature and processes of NVIDIA GPUs',
  async line(_argument, { signal, print, display }) {
    const gpus = await query(`--query-gpu=${GPU_FIELDS.join(',')}`, signal).catch((error: NodeJS.ErrnoException) => {
      signal.throwIfAborted()
      return error
    })
    if (gpus instanceof Error) return print(`No NVIDIA GPU answers here (nvidia-smi ${gpus.code === 'ENOENT' ? 'is not installed' : `says: ${gpus.message.trim().split('\n').at(-1)}`}).\n`)
    display(gpus.map(([index, name, used, total, use, power, limit, temperature]) => ({
      GPU: `${index} ${name}`, memory: `${used} of ${total} MiB`, use: `${use} %`, power: `${power} of ${limit} W`, temperature: `${temperature} °C`,
    })))
    const processes = await query(`--query-compute-apps=${PROCESS_FIELDS.join(',')}`, signal)
    if (processes.length > 0) display(processes.map(([GPU, pid, name, used]) => ({ GPU, pid: Number(pid), process: name, memory: `${used} MiB` })))
  },
}

async function query(fields: string, signal: AbortSignal): Promise<string[][]> {
  const { stdout } = await promisify(execFile)('nvidia-smi', [fields, '--format=csv,noheader,nounits'], { signal })
  return stdout.split('\n').filter((line) => line !== '').map((line) => line.split(', '))
}
