/** To the nearest whole number, ties to the even one: as IEEE 754, ONNX and Python round. */
export function roundHalfToEven(x: number): number {
  // a sum of this size has no bits left for fractions, and additions round to even themselves
  return Math.abs(x) < 2 ** 51 ? x + 1.5 * 2 ** 52 - 1.5 * 2 ** 52 : x
}
