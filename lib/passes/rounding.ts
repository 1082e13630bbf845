/** To the nearest whole number, ties to the even one: as IEEE 754, ONNX and Python round. */
export function roundHalfToEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}
