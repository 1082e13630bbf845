import { existsSync } from 'node:fs'
import path from 'node:path'
import { isInstalled, program, ROOT } from '../../src/python.ts'
import { runFile } from './jupyter.ts'

/** The onnx package: its checker, and the test cases that it holds. */
export const ONNX = ['onnx==1.23.*']

/** Where the package's test cases are written to, once for each of its versions. */
export const CASES = path.join(ROOT, '.cache', 'onnx-cases-1.23')

const script = (name: string) => path.join(ROOT, 'test', 'conformance', name)

/** Why a test that needs the package is skipped, or false where it can run. */
export const skip = isInstalled(ONNX) && existsSync(CASES) ? false : 'the onnx package is not set up here: npm run test:conformance does that'

/** The command that writes the test cases into a folder. */
export const writeCases = (folder: string): readonly [string, readonly string[]] => [program('python'), [script('onnx_cases.py'), folder]]

/** What the package finds wrong with the models of a folder, a line each, and how many it judged; beside the originals of the same names, where they are given. */
export async function judge(folder: string, originals?: string): Promise<{ readonly judged: number; readonly problems: readonly string[] }> {
  const { code, output } = await runFile(program('python'), [script('onnx_check.py'), folder, ...(originals ? [originals] : [])])
  const lines = output.trimEnd().split('\n')
  const judged = /^(\d+) models judged$/.exec(lines.at(-1)!)?.[1]
  if (code !== 0 || judged === undefined) throw new Error(`the models in ${folder} could not be judged: ${lines.slice(-5).join('\n')}`)
  return { judged: Number(judged), problems: lines.slice(0, -1) }
}
