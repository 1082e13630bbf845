import { spawn } from 'node:child_process'
import path from 'node:path'
import { UsageError } from '../usage.ts'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Shows what it prints on a terminal: for programs that have a progress bar of their own. */
  readonly show?: boolean
}

/** Lines of a program's last words that a message shows where none speaks of an error. */
const SHOWN = 4

/** Runs a program to its end, and answers what it printed. @throws UsageError with what it said where it is missing or fails. */
export async function command(program: string, args: readonly string[], { cwd, env, show = false }: CommandOptions = {}): Promise<string> {
  const child = spawn(program, [...args], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text
    said += text
    if (show && process.stderr.isTTY) process.stderr.write(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const failure = await new Promise<string | null>((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ENOENT' ? 'it is not installed' : error.message))
    child.on('close', (code, signal) => resolve(code === 0 ? null : `it ended with ${signal ?? `exit code ${code}`}`))
  })
  if (failure === null) return printed
  const lines = said.trim().split('\n')
  const reason = lines.findLast((line) => /\berror\b.*: \S/i.test(line)) ?? lines.slice(-SHOWN).join('\n')
  throw new UsageError(`${path.basename(program)} ${args.slice(0, 3).join(' ')}: ${failure}${reason && `.\n${reason.trim()}`}`)
}

/** Whether a program is there and answers. */
export async function answers(program: string, ...args: string[]): Promise<boolean> {
  return command(program, args).then(() => true, () => false)
}
