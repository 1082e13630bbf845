import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { Option, type Command } from 'commander'
import { KernelClient } from '../kernel/client.ts'
import { environment, machineLine } from '../lib/report/environment.ts'
import type { Notebook } from '../lib/report/notebook.ts'
import { ClaimTable } from '../lib/report/table.ts'
import { resolveDevice, type Device } from '../lib/runtime/devices.ts'
import { execute, type Stop } from './execute.ts'
import { readNotebook } from './notebook.ts'
import { declaredParameters, parsedSettings, withParameters } from './parameters.ts'
import { runProgress } from './progress.ts'
import { claimsIn, prepareFolder, writeReports } from './reports.ts'
import { UsageError } from './usage.ts'

interface RunOptions {
  set: Record<string, string>
  profile?: string
  device?: string
  out: string
  timeout?: number
}

export function run(program: Command): void {
  program
    .command('run')
    .description('run a notebook or a TypeScript file through the kernel, and write its report')
    .argument('<notebook>', 'an .ipynb or .ts file')
    .option('--set <name=value>', 'set a parameter of the notebook (repeatable)', assignment, {})
    .addOption(new Option('--profile <profile>', 'how much is measured').choices(['quick', 'standard', 'full']))
    .addOption(new Option('--device <device>', 'where networks run').choices(['auto', 'cpu', 'cuda', 'webgpu']))
    .option('--out <folder>', 'where the report goes', 'reports')
    .option('--timeout <seconds>', 'how long one cell may take', positive)
    .action(async (file: string, options: RunOptions) => {
      process.exitCode = await runNotebook(file, options)
    })
}

/** @returns the exit code: 0, 1 where a cell failed, 130 after Ctrl-C. */
async function runNotebook(file: string, options: RunOptions): Promise<number> {
  const start = performance.now()
  const notebook = await prepared(file, options)
  prepareFolder(options.out)
  console.error(machineLine(environment()))
  const stop = await executed(notebook, path.dirname(path.resolve(file)), options.timeout)
  const name = path.basename(file, path.extname(file))
  const written = await writeReports(notebook, name, options.out, path.dirname(path.resolve(file)))

  const claims = claimsIn(notebook)
  if (claims) console.log(`\n${new ClaimTable(claims).text({ colour: process.stdout.isTTY })}`)
  if (stop) console.error(explained(stop))
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log([`\n${stop ? 'Partial report' : 'Report'} after ${seconds} s:`, ...written].join('\n  '))
  return stop ? (stop.interrupted ? 130 : 1) : 0
}

function explained({ traceback, message }: Stop): string {
  const text = ['', ...traceback, '', message].join('\n')
  return process.stderr.isTTY ? text : stripVTControlCharacters(text)
}

/** All that can be refused is refused here, before anything runs. */
async function prepared(file: string, { set, profile, device }: RunOptions): Promise<Notebook> {
  const notebook = readNotebook(file)
  const settings = { ...set, ...(profile && { profile }), ...(device && { device }) }
  const values = parsedSettings(declaredParameters(notebook), settings)
  if (typeof values.device === 'string') await available(values.device)
  return withParameters(notebook, values)
}

async function available(device: string): Promise<void> {
  try {
    await resolveDevice(device as Device)
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

async function executed(notebook: Notebook, folder: string, timeout: number | undefined): Promise<Stop | undefined> {
  const abort = new AbortController()
  const interrupt = () => abort.abort()
  process.on('SIGINT', interrupt)
  const client = await KernelClient.start({ cwd: folder })
  const progress = runProgress()
  try {
    notebook.metadata = { ...notebook.metadata, kernelspec: KERNELSPEC, language_info: client.info.language_info }
    return await execute(notebook, client, { timeout, signal: abort.signal, progress })
  } finally {
    progress.end()
    process.off('SIGINT', interrupt)
    await client.shutdown()
  }
}

const KERNELSPEC = { name: 'hone', display_name: 'TypeScript (hone)', language: 'typescript' }

function assignment(text: string, former: Record<string, string>): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (!name) throw new UsageError(`--set takes name=value, not ${text}.`)
  return { ...former, [name]: value }
}

function positive(text: string): number {
  const seconds = Number(text)
  if (seconds > 0) return seconds
  throw new UsageError(`--timeout takes seconds above 0, not ${text}.`)
}
