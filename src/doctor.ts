import type { Command } from 'commander'
import { checkBackends, checkBrowser, checkData, checkDevices, checkJupyter, checkNode, checkPackages, checkTensorflow, checkTypes, type Finding } from './checks.ts'

const CHECKS = [checkNode, checkPackages, checkTypes, checkTensorflow, checkDevices, checkBackends, checkJupyter, checkData, checkBrowser]
const MARKS = { ok: '✓', absent: '–', failed: '✗' }

export function doctor(program: Command): void {
  program
    .command('doctor')
    .description('say what works on this machine, what is missing, and how to get it')
    .action(async () => {
      const findings = (await Promise.all(CHECKS.map((check) => check()))).flat()
      const width = Math.max(...findings.map(({ name }) => name.length))
      for (const finding of findings) console.log(line(finding, width))
      process.exitCode = findings.some(({ state }) => state === 'failed') ? 1 : 0
    })
}

function line({ name, state, detail, remedy }: Finding, width: number): string {
  const head = `${MARKS[state]} ${name.padEnd(width)}  ${detail}`
  return remedy ? `${head}\n${' '.repeat(width + 4)}${remedy}` : head
}
