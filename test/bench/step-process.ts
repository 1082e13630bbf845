import { createInterface } from 'node:readline'
import { FORMS, networks, taskOf } from './training-step.ts'

// A training step in a process of its own, as lib/measure/process.ts times it: what the process holds is the step's.
const [, , name, form] = process.argv as unknown as readonly [string, string, keyof typeof networks, keyof typeof FORMS]
const task = taskOf(networks[name]())
const step = await FORMS[form](task)
console.log('ready', JSON.stringify(task.settings))
for await (const calls of createInterface({ input: process.stdin })) {
  const start = performance.now()
  let loss = NaN
  for (let call = 0; call < Number(calls); call++) loss = await step()
  console.log((performance.now() - start) / 1000, JSON.stringify(loss))
}
process.exit()
