#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { backends } from './backends.ts'
import { bench } from './bench.ts'
import { compare } from './compare.ts'
import { doctor } from './doctor.ts'
import { gpu } from './gpu.ts'
import { install } from './install.ts'
import { lab } from './lab.ts'
import { load } from './load.ts'
import { profile } from './profile.ts'
import { run } from './run.ts'
import { tfjs } from './tfjs.ts'
import { UsageError } from './usage.ts'

const SUBCOMMANDS = [run, bench, compare, profile, load, lab, install, gpu, tfjs, backends, doctor]

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const program = new Command('hone')
  .description('A Jupyter kernel for TypeScript, and a library to profile, optimize and train neural networks.')
  .version(version)
  .exitOverride()
for (const register of SUBCOMMANDS) register(program)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCode(error)
}

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  console.error(`hone: ${error instanceof UsageError ? error.message : (error as Error).stack}`)
  return error instanceof UsageError ? 2 : 1
}
