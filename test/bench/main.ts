import { parseArgs } from 'node:util'
import { bench as infer } from './infer.ts'
import { bench as kernel } from './kernel.ts'
import { bench as loader } from './loader.ts'
import { bench as lprnet } from './lprnet.ts'
import { bench as measure } from './measure.ts'
import { bench as passes } from './passes.ts'
import { anyPeer } from './peers.ts'
import { bench as proofs } from './proofs.ts'
import { bench as start } from './start.ts'
import { bench as train } from './train.ts'

/** One measured figure. */
export interface Row {
  readonly bench: string
  readonly case: string
  /** `hone`, or the peer. */
  readonly who: string
  readonly metric: string
  readonly unit: string
  /** Absent where nothing could be measured. */
  readonly median: number | null
  readonly p25: number | null
  readonly p75: number | null
  readonly runs: number
  /** Why it was given up. */
  readonly failed?: string
  /** Runs that were not answered in time. */
  readonly unanswered?: number
}

export interface BenchOptions {
  /** Whether the peers are measured beside hone, in turn in the same run. */
  readonly peers: boolean
  /** Names of the cases that are wanted; none means all. */
  readonly cases: readonly string[]
  /** Seconds to spend on each case, where another time than the benchmark's own is wanted. */
  readonly seconds?: number
}

/** Every benchmark, one a file. */
const benches: Readonly<Record<string, (print: (row: Row) => void, options: BenchOptions) => Promise<void>>> = { infer, kernel, loader, lprnet, measure, passes, proofs, start, train }

const { name, options } = asked()
if (options.peers && !anyPeer()) refuse('No peer is set up: run npm run bench:peers first.')
await benches[name]((row) => console.log(JSON.stringify(row)), options)
// a peer that hangs would keep the process alive
process.exit()

function asked(): { name: string; options: BenchOptions } {
  try {
    const { values: { peers = false, seconds }, positionals: [name = '', ...cases] } = parseArgs({ allowPositionals: true, options: { peers: { type: 'boolean' }, seconds: { type: 'string' } } })
    if (!(name in benches)) throw new Error(`There is no benchmark "${name}".`)
    if (seconds !== undefined && !(Number(seconds) > 0)) throw new Error(`--seconds takes seconds above 0, not ${seconds}.`)
    return { name, options: { peers, cases, ...(seconds !== undefined && { seconds: Number(seconds) }) } }
  } catch (error) {
    return refuse(`${(error as Error).message} npm run bench -- NAME [CASE ...] [--peers] [--seconds SECONDS], where NAME is ${Object.keys(benches).join(', ')}`)
  }
}

function refuse(message: string): never {
  console.error(message)
  process.exit(2)
}
