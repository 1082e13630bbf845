import { createInterface } from 'node:readline'
import { compiled, networks, taskOf } from './training-step.ts'

// A training step in a process of its own, as lib/measure/process.ts times it: what the process holds is the step's.
const task = taskOf(networks[process.argv[2] as keyof typeof networks]())
const session = await compiled(task)
console.log('ready', JSON.stringify(task.settings))
for await (const calls of createInterface({ input: process.stdin })) {
  const start = performance.now()
  let losses: number[] = []
  for (let call = 0; call < Number(calls); call++) losses = await session.run([task.batch])
  console.log((performance.now() - start) / 1000, JSON.stringify(losses[0]))
}
process.exit()
