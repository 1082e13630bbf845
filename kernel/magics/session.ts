import { types } from 'node:util'
import { plainText } from '../display.ts'
import { UsageError, type Magic, type MagicContext } from './magic.ts'
import { parseOptions } from './options.ts'

/** The session's variables that hold something, of the named types where any are named. */
async function holding(argument: string, { variables, evaluate }: MagicContext): Promise<[name: string, value: unknown][]> {
  const wanted = argument.split(/\s+/).filter((type) => type !== '')
  const all = (await evaluate(`{ ${[...variables].sort().join(', ')} }`)) as Record<string, unknown>
  return Object.entries(all).filter(([, value]) => value !== undefined && (wanted.length === 0 || wanted.includes(typeName(value))))
}

/** What `%whos` shows under Type and `%who` takes as an argument. */
function typeName(value: unknown): string {
  if (typeof value === 'function') return /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function'
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  if (types.isModuleNamespaceObject(value)) return 'module'
  return (Object.getPrototypeOf(value) as object | null)?.constructor?.name ?? 'Object'
}

const LONGEST_INFO = 80

function infoOf(value: unknown): string {
  const { length, size, shape } = Object(value) as Record<string, unknown>
  if (Array.isArray(shape)) return `shape [${shape.join(', ')}]`
  if (typeof value !== 'string' && typeof value !== 'function' && typeof length === 'number') return `n=${length}`
  if (typeof size === 'number') return `n=${size}`
  const text = typeof value === 'string' ? value : plainText(value)
  const line = text.replace(/\s+/g, ' ')
  return line.length > LONGEST_INFO ? `${line.slice(0, LONGEST_INFO)}...` : line
}

const NOTHING = 'Interactive namespace is empty.\n'

export const who: Magic = {
  name: 'who',
  summary: 'list the variables',
  usage: '%who [type ...]: only those of the types, as %whos names them.',
  async line(argument, context) {
    const found = await holding(argument, context)
    context.print(found.length === 0 ? NOTHING : `${found.map(([name]) => `${name}\t `).join('')}\n`)
  },
}

export const whos: Magic = {
  name: 'whos',
  summary: 'list the variables with type and content',
  usage: '%whos [type ...]: only those of the types.',
  async line(argument, context) {
    const rows = (await holding(argument, context)).map(([name, value]) => [name, typeName(value), infoOf(value)])
    if (rows.length === 0) return context.print(NOTHING)
    const widths = [0, 1].map((i) => Math.max(...[['Variable', 'Type'], ...rows].map((row) => row[i].length)) + 3)
    const lines = [['Variable', 'Type', 'Data/Info'], ...rows].map(([name, type, info]) => name.padEnd(widths[0]) + type.padEnd(widths[1]) + info)
    context.print(`${[lines[0], '-'.repeat(lines[0].length), ...lines.slice(1)].join('\n')}\n`)
  },
}

export const reset: Magic = {
  name: 'reset',
  summary: 'let go of every variable',
  usage: '%reset [-f]: -f does not ask first. To start afresh altogether, restart the kernel.',
  async line(argument, { variables, prepare, ask, print }) {
    const { force } = parseOptions(argument, { force: { type: 'boolean', short: 'f' } }).values
    const isSure = force === true || /^y/i.test(await ask('Once deleted, variables cannot be recovered. Proceed (y/[n])? '))
    if (!isSure) return print('Nothing done.\n')
    if (variables.size > 0) await prepare(`var { ${[...variables].join(', ')} } = {}`)()
  },
}

/** The list may be kept in a notebook that others read. */
const SECRET = /key|token|secret|passw/i

export const env: Magic = {
  name: 'env',
  summary: 'list, read or set environment variables',
  usage: '%env lists them, %env NAME reads one, %env NAME=value or %env NAME value sets one.',
  words: () => Object.keys(process.env),
  line(argument, { print }) {
    const [, name, value] = /^(\w*)(?:\s*=\s*|\s+)?(.*)$/.exec(argument.trim()) ?? []
    if (name === '') return Object.fromEntries(Object.entries(process.env).map(([key, text]) => [key, SECRET.test(key) ? '<hidden>' : text]))
    if (value === '' && !argument.includes('=')) {
      if (process.env[name] === undefined) throw new UsageError(`Environment does not have key: ${name}`)
      return process.env[name]
    }
    process.env[name] = value
    print(`env: ${name}=${value}\n`)
  },
}
