import { bench } from '../measure/bench.ts'
import type { Measurement } from '../measure/result.ts'
import type { Model } from '../nn/model.ts'
import type { Tensors } from '../runtime/boundary.ts'
import type { SessionOptions } from '../runtime/session.ts'

/** Seconds a run of each of several networks, timed in turn, by name; the others are compared with the first. */
export async function timedSideBySide(networks: readonly { readonly name: string; readonly model: Model }[], feeds: Tensors, seconds: number, options: SessionOptions): Promise<ReadonlyMap<string, Measurement>> {
  const sessions = await Promise.all(networks.map(({ model }) => model.session({ spinning: false, ...options })))
  try {
    const bound = networks.map(({ name }, i) => [name, sessions[i]!.bind(feeds)] as const)
    return new Map([...(await bench(Object.fromEntries(bound), { seconds }))].map((measurement) => [measurement.name, measurement]))
  } finally {
    await Promise.all(sessions.map((session) => session.release()))
  }
}
