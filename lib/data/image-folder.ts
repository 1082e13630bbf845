import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { requireWhole, told } from '../require.ts'
import { byCodePoint } from './code-points.ts'
import { correctClass } from './classes.ts'
import { Dataset } from './dataset.ts'
import { readPicture } from './picture.ts'
import { toFloat } from './transforms.ts'

export interface ImageFolderOptions {
  /** What the data set is called (the folder's name). */
  readonly name?: string
  /** Names of the classes by their numbers (the folders in code-point order): `classes: train.classes` for a folder to test on. */
  readonly classes?: readonly string[]
  /** Size that all pictures are stretched to (that of the first one). */
  readonly height?: number
  readonly width?: number
  /** Pictures of the complete data set (those that are there). */
  readonly count?: number
}

const PICTURE = /\.(jpe?g|png)$/i

/**
 * JPEG and PNG files in a folder for each class: `PATH/CLASS/FILE.jpg`. Classes and files come in code-point order; hidden ones (`.ipynb_checkpoints`) are left
 * out. Input `x` [N, 3, height, width], float32 from 0 to 1. Files are decoded whenever a batch needs them; `decoded()` does it once and for all.
 * @throws Error where there are no pictures, the first one is damaged, a folder is none of the given classes, or a size is not a whole number from 1 on.
 */
export function imageFolder(path: string, { name = basename(path), classes: given, height, width, count = 0 }: ImageFolderOptions = {}): Dataset<number> {
  for (const [side, pixels] of Object.entries({ height, width }))
    if (pixels !== undefined) requireWhole(`imageFolder: ${side}`, pixels, 1)
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path} is not a folder. Give one with a folder of pictures for each class.`)
  const folders = sorted(path).filter((entry) => statSync(join(path, entry)).isDirectory())
  const classes = given ?? folders
  const other = folders.find((folder) => !classes.includes(folder))
  if (other !== undefined) throw new Error(`${join(path, other)} is a folder of none of the classes ${told(classes)}. Take it out, or add it to \`classes\`.`)
  const paths = folders.flatMap((label) => sorted(join(path, label)).filter((file) => PICTURE.test(file)).map((file) => join(path, label, file)))
  if (paths.length === 0) throw new Error(`${path} holds no pictures. It needs a folder for each class, with .jpg or .png files in it.`)
  const first = height && width ? { height, width } : readPicture(paths[0])
  return Dataset.of({
    name,
    source: path,
    complete: paths.length >= count,
    inputs: { x: { paths, height: height ?? first.height, width: width ?? first.width } },
    transforms: [toFloat()],
    labels: paths.map((file) => classes.indexOf(basename(dirname(file)))),
    classes,
    correct: correctClass,
  })
}

const sorted = (folder: string): string[] => readdirSync(folder).filter((entry) => !entry.startsWith('.')).sort(byCodePoint)
