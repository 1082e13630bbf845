import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { InterleavedPixels } from './picture.ts'

/** libjpeg-turbo as WebAssembly: https://github.com/cornerstonejs/codecs/tree/main/packages/libjpeg-turbo-8bit */
interface Decoder {
  /** Memory that takes the file. */
  getEncodedBuffer(size: number): Uint8Array
  decode(): void
  /** The pixels: memory that the next file overwrites. */
  getDecodedBuffer(): Uint8Array
  getFrameInfo(): { readonly width: number; readonly height: number }
}

/** What Emscripten's glue takes and fills: https://emscripten.org/docs/api_reference/module.html#Module.instantiateWasm */
interface Glue {
  JPEGDecoder?: new () => Decoder
  instantiateWasm(imports: WebAssembly.Imports, received: (instance: WebAssembly.Instance) => void): WebAssembly.Exports
}

const require = createRequire(import.meta.url)
const CODEC = '@cornerstonejs/codec-libjpeg-turbo-8bit'

let compiled: WebAssembly.Module | undefined
let decoder: Decoder | undefined

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8
}

/** The pixels of a JPEG file; grey ones as red, green and blue alike. @throws Error with the reason where the file is damaged. */
export function decodeJpeg(bytes: Uint8Array): InterleavedPixels {
  if (!isJpeg(bytes)) throw new Error('it does not begin as one')
  decoder ??= newDecoder()
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes)
    decoder.decode()
    const { height, width } = decoder.getFrameInfo()
    return { height, width, rgb: decoder.getDecodedBuffer() }
  } catch (error) {
    // A C++ exception leaves the decoder's memory behind: the next picture gets a decoder of its own.
    decoder = undefined
    throw new Error('libjpeg-turbo cannot decode it', { cause: error })
  }
}

/** Compiled and started at once, where the package's own start would be asynchronous. */
function newDecoder(): Decoder {
  const program = (compiled ??= new WebAssembly.Module(readFileSync(require.resolve(`${CODEC}/decodewasm`))))
  const glue: Glue = {
    instantiateWasm(imports, received) {
      const instance = new WebAssembly.Instance(program, imports)
      received(instance)
      return instance.exports
    },
  }
  const start = require(`${CODEC}/decodewasmjs`) as (glue: Glue) => Promise<unknown>
  void start(glue)
  return new glue.JPEGDecoder!()
}
