import { bench as infer } from './infer.ts'
import { bench as kernel } from './kernel.ts'
import { bench as loader } from './loader.ts'
import { bench as lprnet } from './lprnet.ts'
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

/** Every benchmark, one a file. */
const benches: Readonly<Record<string, (print: (row: Row) => void) => Promise<void>>> = { infer, kernel, loader, lprnet, start, train }

const [name = ''] = process.argv.slice(2)
const chosen = benches[name]
if (!chosen) {
  console.error(`${name ? `There is no benchmark "${name}"` : 'Which benchmark'}? There is ${Object.keys(benches).join(', ')}: npm run bench -- NAME`)
  process.exit(2)
}
await chosen((row) => console.log(JSON.stringify(row)))
