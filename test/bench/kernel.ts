import { KernelClient } from '../../kernel/client.ts'
import { figures } from './figures.ts'
import type { Row } from './main.ts'

const STARTS = 10
const WARM_UP = 20
const ROUND_TRIPS = 300

/** From the start of the process to the answered kernel_info, and from sending a cell `1+n` to its reply and idle status. */
export async function bench(print: (row: Row) => void): Promise<void> {
  const starts: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const start = performance.now()
    const kernel = await KernelClient.start()
    starts.push((performance.now() - start) / 1000)
    await kernel.shutdown()
  }
  print({ bench: 'kernel', case: 'start to ready', who: 'hone', metric: 'time', unit: 's', ...figures(starts) })

  const kernel = await KernelClient.start()
  await kernel.execute('let n = 1')
  const trips: number[] = []
  for (let i = 0; i < WARM_UP + ROUND_TRIPS; i++) {
    const start = performance.now()
    await kernel.execute('1+n')
    trips.push((performance.now() - start) / 1000)
  }
  await kernel.shutdown()
  print({ bench: 'kernel', case: 'round trip of 1+n', who: 'hone', metric: 'time', unit: 's', ...figures(trips.slice(WARM_UP)) })
}
