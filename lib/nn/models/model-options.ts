import type { Weights } from '../scope.ts'

/** What every image classifier here takes. */
export interface ClassifierOptions {
  classes?: number
  /** Channels of the images (3). */
  channels?: number
  /** Height and width of the images. */
  imageSize?: number
  /** Decides how the parameters begin (0). */
  seed?: number
  /** Parameters by name, instead of new ones. */
  weights?: Weights
}
