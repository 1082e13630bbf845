/** Which part of a data set: what a model learns from, or what it is judged by. */
export interface SplitOptions {
  /** The training part, or the test part (true). */
  readonly train?: boolean
}
