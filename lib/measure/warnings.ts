import { segments } from './change-point.ts'
import type { Conditions } from './conditions.ts'
import type { Settings } from './contender.ts'
import { median, quantile } from './stats.ts'
import { percentText } from '../units.ts'

/** What a reader should know before believing a figure. */
export interface Warning {
  /** `noise`, `load` and `pace` say that differences of a few per cent cannot be trusted. */
  readonly kind: 'one run' | 'noise' | 'drift' | 'load' | 'clock' | 'pace' | 'settings'
  readonly text: string
}

interface Samples {
  readonly name: string
  readonly samples: readonly number[]
}

/** Share of the median that the middle half of the runs may spread over. */
const SPREAD = 0.1
/** Share by which the level may move during the runs. */
const DRIFT = 0.05
/** Cores that others may keep busy. */
const LOAD = 0.25
/** Share of its highest clock, or of its pace, that the processor may fall by. */
const CLOCK = 0.1

/** Settings in which contenders differ that tell them: what compares is then not the work alone. */
export function settingsWarning(contenders: readonly { readonly name: string; readonly settings: Settings }[]): Warning[] {
  const names = new Set(contenders.flatMap(({ settings }) => Object.keys(settings)))
  const unlike = [...names].flatMap((setting) => {
    const told = contenders.filter(({ settings }) => setting in settings)
    return new Set(told.map(({ settings }) => settings[setting])).size > 1 ? [`${setting} (${told.map(({ name, settings }) => `${name} ${settings[setting]}`).join(', ')})`] : []
  })
  return unlike.length ? [{ kind: 'settings', text: `Not all alike: ${unlike.join('; ')}.` }] : []
}

export function warningsOf(contenders: readonly Samples[], { otherLoad, clock, pace }: Conditions, cores: number): Warning[] {
  return [
    ...(otherLoad !== null && otherLoad > LOAD ? [{ kind: 'load', text: `Other processes kept ${otherLoad.toFixed(1)} of ${cores} cores busy.` } as const] : []),
    ...(clock && clock.low < (1 - CLOCK) * clock.high ? [{ kind: 'clock', text: `The processor's clock moved between ${clock.low} and ${clock.high} MHz.` } as const] : []),
    ...ofPace(pace),
    ...contenders.flatMap(ofContender),
  ]
}

function ofPace(pace: readonly number[]): Warning[] {
  if (pace.length === 0) return []
  const change = quantile(pace, 0.9) / quantile(pace, 0.1) - 1
  return change > CLOCK ? [{ kind: 'pace', text: `The processor itself slowed down by ${percentText(change)} at times: its clock moved, or it was shared.` }] : []
}

function ofContender({ name, samples }: Samples): Warning[] {
  if (samples.length === 1) return [{ kind: 'one run', text: `${name}: one run only, so no interval is claimed.` }]
  const spread = (quantile(samples, 0.75) - quantile(samples, 0.25)) / median(samples)
  return [
    ...(spread > SPREAD ? [{ kind: 'noise', text: `${name}: noisy, the middle half of its runs spreads over ${percentText(spread)} of the median.` } as const] : []),
    ...drift(name, samples),
  ]
}

function drift(name: string, samples: readonly number[]): Warning[] {
  const levels = segments(samples).filter(({ from, to }) => to - from >= Math.max(FEWEST, LASTING * samples.length))
  const [first, last] = [levels[0], levels.at(-1)]
  if (!first || !last || Math.abs(Math.log(last.mean / first.mean)) < DRIFT) return []
  const change = last.mean / first.mean - 1
  return [{ kind: 'drift', text: `${name}: from run ${last.from + 1} on it takes ${percentText(Math.abs(change))} ${change > 0 ? 'longer' : 'less'} than at first.` }]
}

/** Share of the runs, and runs at least, that a level must last to count as one. */
const LASTING = 0.2
const FEWEST = 5
