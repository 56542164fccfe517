// What kernels.wasm exports: the loops that are not elementwise. Elementwise rules are bodies: bodies/index.ts.

export { centralize } from "./kernels/centralize";
export { flush } from "./kernels/flush";
export { addNoise } from "./kernels/noise";
export { hasNonFinite, maxMagnitude, sumSquares, sumSquaresDecayed } from "./kernels/reduce";
