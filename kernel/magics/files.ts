import { existsSync, statSync } from 'node:fs'
import { appendFile, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { writeWhole } from '../../lib/files.ts'
import { UsageError, type Magic, type MagicContext } from './magic.ts'
import { parseOptions } from './options.ts'
import { cellsIn } from './ranges.ts'
import { shell } from './shell.ts'

function fullPath(path: string): string {
  return resolve(path.replace(/^~(?=$|[\\/])/, homedir()))
}

/** The only word of an argument. */
function pathIn(argument: string, magic: string): string {
  const { positionals } = parseOptions(argument, {})
  if (positionals.length !== 1) throw new UsageError(`${magic} takes one path. Put quotes round one with spaces.`)
  return fullPath(positionals[0])
}

export const pwd: Magic = { name: 'pwd', summary: 'the working folder', line: () => process.cwd() }

let previous: string | undefined

export const cd: Magic = {
  name: 'cd',
  summary: 'change the working folder',
  usage: '%cd PATH; %cd - goes back to the one before; %cd alone goes home.',
  line(argument, { print }) {
    const wanted = argument.trim()
    if (wanted === '-' && previous === undefined) throw new UsageError('There is no folder to go back to: %cd - comes after a %cd PATH.')
    const path = wanted === '-' ? previous! : wanted === '' ? homedir() : pathIn(argument, '%cd')
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`${path} is no folder.`)
    previous = process.cwd()
    process.chdir(path)
    print(`${process.cwd()}\n`)
  },
}

export const ls: Magic = {
  name: 'ls',
  summary: 'list files',
  line: (argument, context) => shell.line!(`${process.platform === 'win32' ? 'dir' : 'ls -F'} ${argument}`, context),
  value: (argument, context) => shell.value!(`${process.platform === 'win32' ? 'dir /b' : 'ls'} ${argument}`, context),
}

export const load: Magic = {
  name: 'load',
  summary: "put a file's text in the place of the cell",
  usage: '%load PATH',
  async line(argument, { replaceCell }) {
    const path = pathIn(argument, '%load')
    replaceCell(`// %load ${argument.trim()}\n${await readText(path)}`)
  },
}

export const run: Magic = {
  name: 'run',
  summary: 'run a file of TypeScript or JavaScript, or the cells of a notebook',
  usage: '%run PATH: a file runs as a module, and what it exports becomes variables of the session. Cells of a notebook run as if they stood here.',
  async line(argument, context) {
    const path = pathIn(argument, '%run')
    if (extname(path) === '.ipynb') return runNotebook(await readText(path), path, context)
    if (!existsSync(path)) throw new UsageError(`${path} is not there.`)
    const exported = (await context.import(`${pathToFileURL(path).href}?run=${++runs}`)) as object
    const names = Object.keys(exported).filter((name) => name !== 'default')
    if (names.length > 0) await context.assign(Object.fromEntries(names.map((name) => [name, (exported as Record<string, unknown>)[name]])))
  },
}

/** Makes each run a module of its own. */
let runs = 0

async function runNotebook(text: string, path: string, { prepare }: MagicContext): Promise<void> {
  for (const source of codeCells(text, path)) await prepare(source)()
}

function codeCells(text: string, path: string): string[] {
  try {
    const { cells } = JSON.parse(text) as { cells: { cell_type: string; source: string | string[] }[] }
    return cells.filter(({ cell_type }) => cell_type === 'code').map(({ source }) => [source].flat().join(''))
  } catch (error) {
    throw new UsageError(`${path} is not a notebook (${(error as Error).message}).`)
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(error.code === 'ENOENT' ? `${path} is not there.` : `${path} cannot be read: ${error.message}.`)
  })
}

export const writefile: Magic = {
  name: 'writefile',
  summary: 'write the cell, or earlier cells, to a file',
  usage: '%%writefile [-a] PATH writes the body, %writefile [-a] PATH 1-3 5 writes earlier cells; -a appends.',
  async cell(argument, body, context) {
    const { values, positionals } = parseOptions(argument, { append: { type: 'boolean', short: 'a' } })
    if (positionals.length !== 1) throw new UsageError('%%writefile takes one path. Put quotes round one with spaces.')
    await write(fullPath(positionals[0]), body.replace(/\n?$/, '\n'), values.append === true, context)
  },
  async line(argument, context) {
    const { values, positionals } = parseOptions(argument, { append: { type: 'boolean', short: 'a' } })
    const [path, ...words] = positionals
    if (words.length === 0) throw new UsageError('%writefile takes a path and numbers of cells: %writefile analysis.ts 1-3 5.')
    const sources = (await cellsIn(words, context.history)).map(({ input }) => input)
    if (sources.length === 0) throw new UsageError(`The history has no cell in ${words.join(' ')}.`)
    await write(fullPath(path), `${sources.join('\n\n')}\n`, values.append === true, context)
  },
}

/** What it prints is IPython's. */
async function write(path: string, text: string, isAppended: boolean, { print }: MagicContext): Promise<void> {
  const isThere = existsSync(path)
  print(`${isThere ? (isAppended ? 'Appending to' : 'Overwriting') : 'Writing'} ${path}\n`)
  try {
    if (isAppended) await appendFile(path, text)
    else await writeWhole(path, text)
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${(error as Error).message}.`)
  }
}
