import { throwIfInterrupted } from '../interrupt.ts'
import { progress } from '../progress.ts'
import { random } from '../random.ts'
import { table, type TableBundle } from '../table.ts'
import { digits } from '../units.ts'
import { bootstrap, median, type Interval } from './stats.ts'

/** What a measurement answers: a number, or several of one kind, by name. */
type Measured = Readonly<Record<string, number | readonly number[]>>

export interface SweepOptions {
  /** Rounds: each measures every setting once (3). */
  readonly repeats?: number
  /** Decides the order of the settings within a round (0). */
  readonly seed?: number
}

/** What was measured at one setting. */
export interface SweepRow<Setting> {
  readonly setting: Setting
  /** What the rounds answered, by name. */
  readonly samples: Readonly<Record<string, readonly number[]>>
}

/**
 * Measures something at each of several settings, round by round, in an order that changes every round, so that what disturbs the machine meets all
 * settings alike. A measurement answers numbers by name, or several samples of one (the epochs of a run); the seed that it gets is that of the round.
 *
 * @example const epochs = await sweep([0, 2, 4], async (workers) => { const { epochs: [{ seconds, waiting }] } = await fit(net, images, { ...options, workers }); return { seconds, waiting } })
 * @throws RangeError where there is no setting, or fewer rounds than one; Error naming the setting whose measurement answers what is no number.
 */
export async function sweep<Setting extends number | string>(settings: readonly Setting[], measure: (setting: Setting, seed: number) => Measured | Promise<Measured>, options: SweepOptions = {}): Promise<Sweep<Setting>> {
  const { repeats = 3, seed = 0 } = options
  if (!settings.length) throw new RangeError('a sweep needs settings')
  if (!(Number.isInteger(repeats) && repeats >= 1)) throw new RangeError(`a sweep measures each setting 1 time or more, not ${repeats}`)
  const found = new Map(settings.map((setting) => [setting, [] as Measured[]]))
  const { shuffled } = random(seed)
  const bar = progress(`Measuring ${settings.length} settings`, repeats * settings.length)
  try {
    for (let round = 0; round < repeats; round++)
      for (const setting of shuffled(settings)) {
        throwIfInterrupted()
        const values = await measure(setting, seed + round)
        const bad = Object.entries(values).find(([, value]) => [value].flat().some((one) => !Number.isFinite(one)))
        if (bad) throw new Error(`the setting ${setting} answered ${bad[0]} = ${String(bad[1])}, and that is no measurement`)
        found.get(setting)!.push(values)
        bar.tick()
      }
  } finally {
    bar.done()
  }
  return new Sweep([...found].map(([setting, rounds]) => ({ setting, samples: byName(rounds) })))
}

/** Samples at each setting. Shows itself as a table; `plot.sweep` draws it. */
export class Sweep<Setting extends number | string = number | string> {
  readonly rows: readonly SweepRow<Setting>[]

  constructor(rows: readonly SweepRow<Setting>[]) {
    this.rows = rows
  }

  get names(): readonly string[] {
    return Object.keys(this.rows[0].samples)
  }

  /** The samples of one value at a setting. @throws RangeError where there is no such setting or value. */
  at(setting: Setting, name: string = this.names[0]): readonly number[] {
    const row = this.rows.find((one) => one.setting === setting)
    if (!row) throw new RangeError(`the setting ${setting} was not measured, only ${this.rows.map((one) => one.setting).join(', ')}`)
    if (!Object.hasOwn(row.samples, name)) throw new RangeError(`the sweep has no "${name}", only ${this.names.join(', ')}`)
    return row.samples[name]
  }

  /** The samples of one value at each of some settings, in their order; none at those that were not measured. */
  over(settings: readonly (number | string)[], name: string = this.names[0]): (readonly number[])[] {
    return settings.map((wanted) => this.rows.find(({ setting }) => setting === wanted)?.samples[name] ?? [])
  }

  /** The setting whose median of one value is least. */
  least(name: string = this.names[0]): Setting {
    return this.rows.reduce((best, row) => (median(row.samples[name]) < median(best.samples[name]) ? row : best)).setting
  }

  /** Median of one value at a setting with its 95 % bootstrap interval. */
  interval(setting: Setting, name: string = this.names[0]): Interval {
    return bootstrap(this.at(setting, name), median)
  }

  table(): TableBundle {
    const range = (setting: Setting, name: string) => {
      const { value, low, high } = this.interval(setting, name)
      return low === high ? digits(value) : `${digits(value)} (${digits(low)} to ${digits(high)})`
    }
    return table(this.rows, [
      { heading: 'setting', cell: ({ setting }) => String(setting) },
      ...this.names.map((name) => ({ heading: name, cell: ({ setting }: SweepRow<Setting>) => range(setting, name) })),
    ], `Medians and their 95 % intervals, ${this.rows[0].samples[this.names[0]].length} samples each.`)
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/** The values of all rounds; those that some round lacks are left out. */
function byName(rounds: readonly Measured[]): Record<string, readonly number[]> {
  const names = Object.keys(rounds[0]).filter((name) => rounds.every((values) => name in values))
  return Object.fromEntries(names.map((name) => [name, rounds.flatMap((values) => values[name])]))
}
