import { spawnSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { install, isInstalled } from '../../src/python.ts'
import { REQUIREMENTS } from './jupyter.ts'
import { CASES, ONNX, writeCases } from './onnx.ts'

/** Installs JupyterLab, nbconvert, the console, the protocol's tests, and onnx with its test cases, unless they are there. */
try {
  const wanted = [...REQUIREMENTS, ...ONNX]
  if (!isInstalled(wanted)) install(wanted)
  if (!existsSync(CASES)) setUpCases()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

/** Written beside their place first, so that no half of them is ever there. */
function setUpCases(): void {
  const beside = `${CASES}.${process.pid}`
  const [command, args] = writeCases(beside)
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status === 0) renameSync(beside, CASES)
  else {
    rmSync(beside, { recursive: true, force: true })
    throw new Error("onnx's test cases could not be written, for the reason above")
  }
}
