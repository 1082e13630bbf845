import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { InterleavedPixels } from './picture.ts'

/** libjpeg-turbo as WebAssembly: https://github.com/cornerstonejs/codecs/tree/main/packages/libjpeg-turbo-8bit */
interface Decoder {
  /** Memory that takes the file. */
  getEncodedBuffer(size: number): Uint8Array
  decode(): void
  /** The pixels, one value each where the file is grey, three otherwise: memory that the next file overwrites. */
  getDecodedBuffer(): Uint8Array
  getFrameInfo(): { readonly width: number; readonly height: number; readonly componentCount: number }
}

/** What Emscripten's glue takes and fills: https://emscripten.org/docs/api_reference/module.html#Module.instantiateWasm */
interface Glue {
  JPEGDecoder?: new () => Decoder
  instantiateWasm(imports: WebAssembly.Imports, received: (instance: WebAssembly.Instance) => void): WebAssembly.Exports
}

const require = createRequire(import.meta.url)
const CODEC = '@cornerstonejs/codec-libjpeg-turbo-8bit'

/** Markers that start a frame, whatever its coding: https://www.w3.org/Graphics/JPEG/itu-t81.pdf, table B.1. */
const FRAMES = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf]

let compiled: WebAssembly.Module | undefined
let decoder: Decoder | undefined

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8
}

/** Whether a JPEG file's frame has four components: CMYK or YCCK, which libjpeg-turbo does not turn into red, green and blue. */
export function isCmyk(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 2
  while (at + 10 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]
    if (FRAMES.includes(marker)) return bytes[at + 9] === 4
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2) // 0xff fills up before a marker.
  }
  return false
}

/** The pixels of a JPEG file; grey ones as red, green and blue alike. @throws Error with the reason where the file is damaged. */
export function decodeJpeg(bytes: Uint8Array): InterleavedPixels {
  if (!isJpeg(bytes)) throw new Error('it does not begin as one')
  decoder ??= newDecoder()
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes)
    decoder.decode()
    const { height, width, componentCount } = decoder.getFrameInfo()
    const pixels = decoder.getDecodedBuffer()
    return { height, width, rgb: componentCount === 1 ? coloured(pixels) : pixels }
  } catch (error) {
    // A C++ exception leaves the decoder's memory behind: the next picture gets a decoder of its own.
    decoder = undefined
    throw new Error('libjpeg-turbo cannot decode it', { cause: error })
  }
}

/** Grey pixels as red, green and blue alike. */
function coloured(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(3 * grey.length)
  for (let i = 0; i < rgb.length; i++) rgb[i] = grey[Math.floor(i / 3)]
  return rgb
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
