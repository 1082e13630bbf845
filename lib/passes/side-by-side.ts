import { bench } from '../measure/bench.ts'
import type { BenchResult } from '../measure/result.ts'
import type { Model } from '../nn/model.ts'
import type { Tensors } from '../runtime/boundary.ts'
import type { SessionOptions } from '../runtime/session.ts'

/** Times several networks in turn; the others are compared with the first. */
export async function timedSideBySide(networks: readonly { readonly name: string; readonly model: Model }[], feeds: Tensors, seconds: number, options: SessionOptions): Promise<BenchResult<string>> {
  const sessions = await Promise.all(networks.map(({ model }) => model.session({ spinning: false, ...options })))
  try {
    const bound = networks.map(({ name }, i) => [name, sessions[i]!.bind(feeds)] as const)
    return await bench(Object.fromEntries(bound), { seconds })
  } finally {
    await Promise.all(sessions.map((session) => session.release()))
  }
}
