/** The largest finite magnitude in a leaf. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (Number.isFinite(magnitude)) largest = Math.max(largest, magnitude);
  }
  return largest;
}

/**
 * How far two leaves are apart at most, and where: relative to the leaf's largest magnitude, not to the element's own,
 * as an element near zero is a difference of larger numbers and carries their rounding. A leaf that is expected to be
 * zero everywhere leaves no room; NaN and the infinities must be met as such.
 */
export function deviation(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  largest = largestOf(expected),
): { readonly relative: number; readonly index: number } {
  let [relative, index] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    // `=== b` takes -0 for 0, which no formula here tells apart.
    const difference = a === b || (Number.isNaN(a) && Number.isNaN(b)) ? 0 : Math.abs(a - b) / largest;
    // Not `>`: a NaN on one side only is the worst there is.
    if (!(difference <= relative)) {
      [relative, index] = [Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference, i];
    }
  }
  return { relative, index };
}

/**
 * Throws unless every element is within `tolerance` of the expected one, relative to the leaf's largest magnitude.
 *
 * @param where the leaf's name in the message
 * @param largest that magnitude, where it is not that of `expected`
 */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  where: string,
  largest = largestOf(expected),
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${where} has ${actual.length} elements, expected ${expected.length}`);
  }
  const { relative, index } = deviation(actual, expected, largest);
  if (relative <= tolerance) return;
  throw new Error(
    `${where}[${index}] is ${actual[index]}, expected ${expected[index]}: off by ${relative.toExponential(2)} of the ` +
      `leaf's largest magnitude ${largest}, allowed is ${tolerance}`,
  );
}
