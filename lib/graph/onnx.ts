import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { writeWholeSync } from '../files.ts'
import { decodeModel, type ExternalData } from './decode.ts'
import { encodeModel } from './encode.ts'
import type { Graph } from './graph.ts'
import { inferShapes } from './infer.ts'

export { decodeModel, encodeModel }

/**
 * Reads an ONNX file, with external data beside it, and infers the shapes that it leaves open.
 * @throws Error naming the file and what is wrong with it.
 */
export function readModel(path: string): Graph {
  try {
    return inferShapes(decodeModel(readFileSync(path), besideModel(dirname(path))))
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** Writes an ONNX file, beside its place first, so that no half of one is ever there. */
export function writeModel(graph: Graph, path: string): void {
  writeWholeSync(path, encodeModel(graph))
}

/** Files of the model's own folder only. https://onnx.ai/onnx/repo-docs/ExternalData.html */
function besideModel(folder: string): ExternalData {
  const files = new Map<string, Uint8Array>()
  return (location, offset, length) => {
    const root = realpathSync(folder)
    const named = join(root, location)
    const path = existsSync(named) ? realpathSync(named) : null
    const inside = relative(root, path ?? named)
    if (isAbsolute(location) || isAbsolute(inside) || inside.startsWith('..')) throw new Error(`its external data "${location}" lies outside its folder`)
    if (path === null) throw new Error(`its external data "${location}" is not there. Put that file beside it.`)
    const file = files.get(path) ?? readFileSync(path)
    files.set(path, file)
    const end = length === undefined ? file.length : offset + length
    if (!(offset >= 0 && end <= file.length)) throw new Error(`its external data "${location}" ends at byte ${file.length}, before ${end}`)
    return file.subarray(offset, end)
  }
}
