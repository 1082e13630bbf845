import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolders } from '../files.ts'
import type { Dataset } from './dataset.ts'
import { imageFolder } from './image-folder.ts'

/** Three more in the origin are photographs of 3024 x 3024 pixels, which some copies leave out. */
const COUNT = 2059
const SIDE = 100
const ORIGIN = 'https://github.com/ardamavi/Sign-Language-Digits-Dataset'

/**
 * Photographs of hands that sign a digit: 2,059 in order of their digits, so shuffle or split them; input `x` [N, 3, 100, 100], float32 from 0 to 1.
 * Read from `$HONE_DATA/sign-language-digits/Dataset`. Mavi 2020, Apache-2.0: https://github.com/ardamavi/Sign-Language-Digits-Dataset
 * @throws Error saying how to get them where they are not there, or naming a file that is damaged.
 */
export async function signDigits(): Promise<Dataset<number>> {
  const [folder] = dataFolders('sign-language-digits')
  const source = join(folder, 'Dataset')
  if (!existsSync(source)) throw new Error(`The sign-language digits are not at ${source}. Run \`git clone ${ORIGIN} sign-language-digits\` in a folder, and set HONE_DATA to that folder.`)
  return imageFolder(source, { name: 'Sign-language digits', height: SIDE, width: SIDE, count: COUNT }).decoded()
}
