import { mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { sizeText } from '../../lib/units.ts'
import { UsageError } from '../usage.ts'
import { answers, command } from './command.ts'

/** A package of the Python index, pinned: pip fetches the file for CPython 3.12 on Linux x64, whatever Python runs here. Its libraries need no Python. */
export interface Wheel {
  readonly project: string
  readonly version: string
  readonly sha256: string
}

/** Newest first; a wheel is named after the oldest C library that it runs on. */
const PLATFORMS = ['manylinux_2_28_x86_64', 'manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64']

/** From this version on pip goes on where a connection broke. */
const RESUMING_PIP = [25, 1] as const

const EXTRACT = `
import os, re, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        if re.search(sys.argv[2], name): wheel.extract(name, sys.argv[3])
`

/**
 * Fetches wheels by pip, which takes its index and proxy from its own configuration and keeps a cache, and takes out of them the files whose path `wanted` matches.
 * @throws UsageError where pip is missing, or a file does not arrive or is not the pinned one.
 */
export async function unpackWheels(wheels: readonly Wheel[], wanted: RegExp, folder: string): Promise<void> {
  const python = await pythonWithPip()
  const scratch = mkdtempSync(path.join(tmpdir(), 'hone-wheels-'))
  try {
    for (const wheel of wheels) {
      await download(python, wheel, scratch)
      const [file] = readdirSync(scratch).filter((name) => name.endsWith('.whl'))
      await command(python, ['-c', EXTRACT, path.join(scratch, file), wanted.source, folder])
      rmSync(path.join(scratch, file))
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function download(python: string, { project, version, sha256 }: Wheel, folder: string): Promise<void> {
  console.error(`Downloading ${project} ${version} ...`)
  const requirements = path.join(folder, 'requirements.txt')
  writeFileSync(requirements, `${project}==${version} --hash=sha256:${sha256}\n`)
  const resuming = (await canResume(python)) ? ['--resume-retries', '5'] : []
  const target = ['--only-binary=:all:', '--implementation', 'cp', '--python-version', '3.12', ...PLATFORMS.flatMap((platform) => ['--platform', platform])]
  const args = ['-m', 'pip', 'download', '--disable-pip-version-check', '--no-deps', '--require-hashes', '--dest', folder, ...resuming, ...target, '--requirement', requirements]
  await command(python, args, { show: true }).catch((error: Error) => {
    throw new UsageError(`${explained(error.message, `${project} ${version}`)}`, { cause: error })
  })
}

function explained(message: string, name: string): string {
  if (/DO NOT MATCH THE HASHES/.test(message)) return `${name}: what arrived is not the file that hone was tested with, and was not used. If a mirror or a proxy of yours changes files, name another index: PIP_INDEX_URL.`
  if (/No matching distribution/.test(message)) return `${name}: pip finds no such file. If its index is a mirror, name another one: PIP_INDEX_URL.`
  if (/No space left/.test(message)) return `${name}: there is no space left on the disk.`
  return `${name} did not arrive. Run this again; a new pip (python3 -m pip install --upgrade pip) goes on where a connection broke.\n${message}`
}

async function canResume(python: string): Promise<boolean> {
  const [major, minor] = (await command(python, ['-m', 'pip', '--version'])).match(/\d+/g)!.map(Number)
  return major > RESUMING_PIP[0] || (major === RESUMING_PIP[0] && minor >= RESUMING_PIP[1])
}

async function pythonWithPip(): Promise<string> {
  for (const name of ['python3', 'python']) if (await answers(name, '-m', 'pip', '--version')) return name
  throw new UsageError('This needs Python 3 with pip, which fetches the files (on Debian: apt-get install python3-pip). Nothing else of Python is used.')
}

/** @throws UsageError on any other platform: these wheels hold its libraries. */
export function requireLinux(what: string): void {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new UsageError(`${what} is known for Linux on x64 alone, not for ${process.platform} ${process.arch}.`)
}

/** @throws UsageError where the disk of a folder, which is there, has less room than this. */
export function requireSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < bytes) throw new UsageError(`${folder} has ${sizeText(bavail * bsize)} of room, and ${sizeText(bytes)} is needed. Make room, or name another folder in XDG_CACHE_HOME.`)
}
