import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kernelArguments, kernelEnvironment } from './command.ts'
import { CHANNELS, type Connection } from './connection.ts'

export interface StartOptions {
  /** The notebook's folder. */
  cwd?: string
  /** The history of the person is left alone, unless HONE_HISTORY names a place for it. */
  env?: NodeJS.ProcessEnv
  /** Options of Node itself, such as --max-old-space-size. */
  nodeArgs?: string[]
  /** Another kernel's program and arguments instead of this one's, as a kernelspec has them: `{connection_file}` stands for the file's path. */
  command?: readonly string[]
}

export interface Exit {
  code: number | null
  signal: string | null
}

/** Characters of the kernel's stderr that are kept to explain its death. */
const KEPT_STDERR = 8192

/** A kernel's process and its connection file. The process can be started again on the same file. */
export class KernelProcess {
  readonly connection: Connection
  readonly #folder: string
  readonly #options: StartOptions
  #child!: ChildProcess
  #exited!: Promise<Exit>
  #stderr = ''

  static async start(options: StartOptions): Promise<KernelProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'hone-'))
    const kernel = new KernelProcess(await localConnection(), folder, options)
    await writeFile(kernel.#connectionFile, JSON.stringify(kernel.connection), { mode: 0o600 })
    kernel.spawn()
    return kernel
  }

  private constructor(connection: Connection, folder: string, options: StartOptions) {
    this.connection = connection
    this.#folder = folder
    this.#options = options
  }

  get #connectionFile(): string {
    return join(this.#folder, 'connection.json')
  }

  get exited(): Promise<Exit> {
    return this.#exited
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The end of what the process wrote to stderr itself, not through a cell. */
  get stderr(): string {
    return this.#stderr
  }

  spawn(): void {
    const { cwd, env = process.env, nodeArgs = [], command } = this.#options
    const own = () => [process.execPath, ...nodeArgs, ...kernelArguments(this.#connectionFile)]
    const [program, ...args] = command?.map((argument) => argument.replace('{connection_file}', this.#connectionFile)) ?? own()
    const child = spawn(program, args, {
      cwd,
      env: { HONE_HISTORY: 'off', ...kernelEnvironment, ...env, JPY_PARENT_PID: String(process.pid) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    this.#stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-KEPT_STDERR)))
    this.#exited = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal }))
      child.on('error', (error) => {
        this.#stderr += error.message
        resolve({ code: null, signal: null })
      })
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Removes the connection file. */
  async dispose(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function localConnection(): Promise<Connection> {
  const [shell_port, control_port, stdin_port, iopub_port, hb_port] = await freePorts(CHANNELS.length)
  const key = randomBytes(32).toString('hex')
  const ports = { shell_port, control_port, stdin_port, iopub_port, hb_port }
  return { transport: 'tcp', ip: '127.0.0.1', key, signature_scheme: 'hmac-sha256', kernel_name: 'hone', ...ports }
}

/** All are held at once, so that no two are the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
