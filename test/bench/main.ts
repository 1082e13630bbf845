import { bench as infer } from './infer.ts'
import { bench as kernel } from './kernel.ts'
import { bench as loader } from './loader.ts'
import { bench as lprnet } from './lprnet.ts'
import { bench as measure } from './measure.ts'
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
  readonly median: number
  readonly p25: number
  readonly p75: number
  readonly runs: number
}

export interface BenchOptions {
  /** Whether the peers are measured beside hone, in turn in the same run. */
  readonly peers: boolean
  /** Names of the cases that are wanted; none means all. */
  readonly cases: readonly string[]
}

/** Every benchmark, one a file. */
const benches: Readonly<Record<string, (print: (row: Row) => void, options: BenchOptions) => Promise<void>>> = { infer, kernel, loader, lprnet, measure, proofs, start, train }

const [name = '', ...rest] = process.argv.slice(2)
const options = rest.filter((word) => word.startsWith('-'))
const cases = rest.filter((word) => !options.includes(word))
if (!(name in benches) || options.some((option) => option !== '--peers')) {
  console.error(`${name in benches ? `Unknown: ${options.join(' ')}` : `There is no benchmark "${name}"`}. npm run bench -- NAME [CASE ...] [--peers], where NAME is ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
const peers = options.includes('--peers')
if (peers && !anyPeer()) {
  console.error('No peer is set up: run npm run bench:peers first.')
  process.exit(2)
}
await benches[name]((row) => console.log(JSON.stringify(row)), { peers, cases })
// a peer that hangs would keep the process alive
process.exit()
