import { readFileSync } from 'node:fs'
import { decodeJpeg, isCmyk, isJpeg } from './jpeg.ts'
import { decodePng, isPng } from './png.ts'

/** A picture as planes: [channels, height, width], row-major. 8-bit pixels count from 0 to 255. */
export interface Picture {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly pixels: Uint8Array | Float32Array
}

/** Pixel by pixel, as files keep them: red, green, blue, the next pixel's red ... */
export interface InterleavedPixels {
  readonly height: number
  readonly width: number
  readonly rgb: Uint8Array
}

/** The picture in a JPEG or PNG file: its planes of red, green and blue. @throws Error naming the file where it is missing, damaged, or of another kind. */
export function readPicture(path: string): Picture {
  return decodePicture(path, readFileSync(path))
}

/** As `readPicture`, from the file's bytes; `path` names them in an error. */
export function decodePicture(path: string, bytes: Uint8Array): Picture {
  const [kind, decode] = isPng(bytes) ? (['PNG', decodePng] as const) : (['JPEG', decodeJpeg] as const)
  if (kind === 'JPEG' && bytes.length > 0 && !isJpeg(bytes)) throw new Error(`${path} is neither a JPEG nor a PNG file, whatever its name says. Convert it, or take it out.`)
  if (kind === 'JPEG' && isCmyk(bytes)) throw new Error(`${path} is a JPEG in CMYK, the colours of printing. Convert it to RGB, or take it out.`)
  try {
    return planes(decode(bytes))
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(`${path} (${bytes.length.toLocaleString('en')} bytes) is a damaged or truncated ${kind}: ${reason}. Fetch it again.`, { cause: error })
  }
}

/** A new picture of one value everywhere, of the same element type as `like`. */
export function blank({ pixels }: Picture, channels: number, height: number, width: number): Picture {
  const size = channels * height * width
  return { channels, height, width, pixels: pixels instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size) }
}

function planes({ height, width, rgb }: InterleavedPixels): Picture {
  const area = height * width
  const pixels = new Uint8Array(3 * area)
  for (let at = 0; at < area; at++) {
    pixels[at] = rgb[3 * at]
    pixels[area + at] = rgb[3 * at + 1]
    pixels[2 * area + at] = rgb[3 * at + 2]
  }
  return { channels: 3, height, width, pixels }
}
