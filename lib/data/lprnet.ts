import { existsSync } from 'node:fs'
import { join, parse } from 'node:path'
import { dataFolders } from '../files.ts'
import { Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { greedyDecode } from './ctc.ts'
import { Dataset } from './dataset.ts'
import { readJpegs } from './jpeg-files.ts'
import { decodePicture, type Picture } from './picture.ts'
import { resized } from './resize.ts'
import { normalize } from './transforms.ts'

/** What a plate's characters are, by class; the last class is CTC's blank. */
export const PLATE_ALPHABET = '京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新0123456789ABCDEFGHJKLMNPQRSTUVWXYZIO-'

const BLANK = PLATE_ALPHABET.length - 1
const WIDTH = 94
const HEIGHT = 24
const AREA = WIDTH * HEIGHT
const OFFICIAL_COUNT = 1000
/** Characters of the longest plates. */
const LONGEST = 8

const decoded = new Map<string, Promise<Dataset<string>>>()

/**
 * 1,000 photographs of licence plates, in code-point order of their file names, with what they say. Input `plate` [N, 3, 24, 94] float32: channels
 * blue, green, red; (x - 127.5) / 128. From `$HONE_DATA/lprnet/test/*.jpg` where there is that folder, else those that ship with hone; decoded once
 * a process. https://github.com/sirius-ai/LPRNet_Pytorch
 * @throws Error naming the file that is missing or damaged.
 */
export async function lprnet(): Promise<Dataset<string>> {
  const places = dataFolders('lprnet').flatMap((folder) => [join(folder, 'test'), join(folder, 'plates.zip')])
  const source = places.find((place) => existsSync(place)) ?? places.at(-1)!
  const dataset = decoded.get(source) ?? decode(source)
  decoded.set(source, dataset)
  dataset.catch(() => decoded.delete(source))
  return dataset
}

/** What logits [N, 68, T] say, plate by plate. */
export function decodePlates(logits: Tensor): string[] {
  return greedyDecode(logits, BLANK).map((classes) => classes.map((c) => PLATE_ALPHABET[c]).join(''))
}

/** Plates as CTC's targets: [N, L] classes, int64, shorter ones padded with −1. @throws RangeError naming a character that no class stands for. */
export function plateTargets(labels: readonly string[]): Tensor {
  const classes = labels.map((label) => Array.from(label, (character) => PLATE_ALPHABET.indexOf(character)))
  const unknown = classes.findIndex((plate) => plate.includes(-1))
  if (unknown >= 0) throw new RangeError(`the plate "${labels[unknown]}" has a character that no class stands for`)
  return Tensor.of('int64', [labels.length, LONGEST], classes.flatMap((plate) => Array.from({ length: LONGEST }, (_, i) => plate[i] ?? -1)))
}

async function decode(source: string): Promise<Dataset<string>> {
  const jpegs = readJpegs(source)
  if (jpegs.length === 0) throw new Error(`${source} holds no .jpg files. Put the plates there, or unset HONE_DATA to use those that ship with hone.`)
  const plates = new Uint8Array(new SharedArrayBuffer(jpegs.length * 3 * AREA))
  jpegs.forEach(({ path, bytes }, n) => {
    throwIfInterrupted()
    plates.set(blueFirst(resized(decodePicture(path, bytes), HEIGHT, WIDTH).pixels), n * 3 * AREA)
  })
  return Dataset.of({
    name: 'LPRNet plates',
    source,
    complete: jpegs.length === OFFICIAL_COUNT,
    inputs: { plate: Tensor.raw('uint8', [jpegs.length, 3, HEIGHT, WIDTH], plates) },
    transforms: [normalize({ mean: 127.5 / 255, std: 128 / 255 })],
    labels: jpegs.map(({ path }) => parse(path).name.split(/[-_]/, 1)[0]),
    target: plateTargets,
    correct: (output, labels) => decodePlates(output).map((text, i) => text === labels[i]),
  })
}

/** Planes of red, green and blue in the order that the network takes. */
function blueFirst(planes: Picture['pixels']): Uint8Array {
  const result = new Uint8Array(3 * AREA)
  ;[2, 1, 0].forEach((from, to) => result.set(planes.subarray(from * AREA, (from + 1) * AREA), to * AREA))
  return result
}
