import { spawn } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import type { CommandLines } from '../provided.ts'
import type { StreamName } from '../threads.ts'
import { SHELL } from './expand.ts'
import type { Magic, MagicContext } from './magic.ts'
import { parseOptions } from './options.ts'

/** What a shell answers for a process that a signal ended. */
const SIGNALED = 128

interface Command {
  program: string
  args: string[]
  /** Fed to the command's stdin. */
  script?: string
}

/** Runs a command with its output as it comes; an interrupt ends it with all that it started (started.ts). Resolves with its exit code. */
export function runCommand({ program, args, script }: Command, signal: AbortSignal, write: (name: StreamName, text: string) => void): Promise<number> {
  signal.throwIfAborted()
  const child = spawn(program, args, { stdio: [script === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  for (const name of ['stdout', 'stderr'] as const) {
    const decoder = new StringDecoder()
    child[name]!.on('data', (bytes: Buffer) => write(name, decoder.write(bytes)))
  }
  child.stdin?.on('error', () => undefined).end(script)
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => reject(error.code === 'ENOENT' ? new Error(`${program} is not installed here, or not in PATH.`) : error))
    child.on('close', (code) => resolve(code ?? SIGNALED))
  })
}

/** A command line for the system's shell. */
export function inShell(line: string): Command {
  return process.platform === 'win32' ? { program: 'cmd.exe', args: ['/d', '/s', '/c', line] } : { program: '/bin/sh', args: ['-c', line] }
}

/** The lines that a captured command printed, as IPython's SList. */
export class CommandOutput extends Array<string> implements CommandLines {
  /** Array methods that make arrays make plain ones. */
  static override get [Symbol.species]() {
    return Array
  }

  exitCode = 0

  get n(): string {
    return this.join('\n')
  }

  get s(): string {
    return this.join(' ')
  }
}

const VARIABLE = /\{([\p{ID_Start}$_][\p{ID_Continue}$]*[^{}\s]*)\}|\$([\p{ID_Start}_][\p{ID_Continue}]*)/gu

/** Puts values in place of `{name}`, `{name.member}` and `$name`; what is no variable is left to the shell. */
function withValues(line: string, { scope }: MagicContext): string {
  return line.replace(VARIABLE, (text, inBraces: string | undefined, afterDollar: string) => {
    try {
      const value = scope(inBraces ?? afterDollar)
      return value === undefined || typeof value === 'function' ? text : String(value)
    } catch {
      return text
    }
  })
}

export const shell: Magic = {
  name: SHELL,
  summary: 'run a command of the shell; const lines = !command captures what it prints',
  usage: '{name} and $name stand for variables. The exit code is in _exit_code, and in lines.exitCode.',
  async line(argument, context) {
    const { signal, write, assign } = context
    await assign({ _exit_code: await runCommand(inShell(withValues(argument, context)), signal, write) })
  },
  async value(argument, context) {
    const { signal, write, assign } = context
    let stdout = ''
    const exitCode = await runCommand(inShell(withValues(argument, context)), signal, (name, text) => (name === 'stdout' ? (stdout += text) : write(name, text)))
    await assign({ _exit_code: exitCode })
    const lines = stdout === '' ? [] : stdout.replace(/\r?\n$/, '').split(/\r?\n/)
    return Object.assign(CommandOutput.from(lines) as CommandOutput, { exitCode })
  },
}

const TARGETS = { out: { type: 'string' }, err: { type: 'string' } } as const

/** Runs a script; an exit code other than 0 is an error. */
async function runScript(command: Command, { out, err }: { out?: string; err?: string }, { signal, write, assign }: MagicContext): Promise<void> {
  const texts = { stdout: '', stderr: '' }
  const names = { stdout: out, stderr: err }
  const keep = (name: StreamName, text: string) => (names[name] === undefined ? write(name, text) : void (texts[name] += text))
  const exitCode = await runCommand(command, signal, keep)
  if (out !== undefined) await assign({ [out]: texts.stdout })
  if (err !== undefined) await assign({ [err]: texts.stderr })
  if (exitCode !== 0) throw new Error(`${command.program} ended with exit code ${exitCode}.`)
}

/** A cell magic that feeds its body to a program. */
function scriptMagic(name: string, program: string, args: string[]): Magic {
  return {
    name,
    summary: `run the cell in ${program}`,
    usage: `%%${name} [--out name] [--err name]: the variables get what it prints, instead of the notebook. An exit code other than 0 is an error.`,
    cell: (argument, script, context) => runScript({ program, args, script }, parseOptions(argument, TARGETS).values, context),
  }
}

export const bash = scriptMagic('bash', 'bash', ['-s'])
export const sh = scriptMagic('sh', 'sh', ['-s'])
export const python = scriptMagic('python', process.platform === 'win32' ? 'python' : 'python3', ['-'])
