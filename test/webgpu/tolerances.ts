// How far a device may be off from what it is held to. What a rule may be off from the reference arithmetic its entry says:
// `tolerance`, or `deviceTolerance` where that is another (src/updates). Golden cases are held to the files' numbers as on
// every backend, within 2e-5 (test/support/golden/run.ts: that is how far float32 is off there), and to wasm as closely as
// is said here.

/** A step of a golden case from wasm, both from the same state: of a leaf's largest magnitude. */
export const FROM_WASM = 2e-6;

/** Of an element, where it meets the largest and the smallest numbers. */
export const SPECIAL_FROM_WASM = 1e-6;
/** The same behind norms, which wasm adds up in another order. */
export const NORM_OF_LARGE = 1e-5;

/** Some steps of a chain from wasm: of a leaf's largest magnitude. */
export const STEPS_FROM_WASM = 2e-6;
