/** A tree that does not have the structure, or a leaf that does not have the size, of the optimizer's parameters. */
export class TreeMismatchError extends Error {
  override readonly name = "TreeMismatchError";
}

/** A method called out of turn: `apply()` without `update()`, or `step()` between the two. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/** An optimizer used after its `dispose()`. */
export class DisposedError extends Error {
  override readonly name = "DisposedError";
}

/** More steps in a row had gradients with NaN or infinities than `skipNonFinite` allows. They were skipped all. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
}

/** A checkpoint, or another safetensors file, that is damaged or not of this kind; nothing of it was loaded. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}

/** The device of a `webgpu` optimizer is gone, and its planes with it: restore the last checkpoint on another. */
export class DeviceLostError extends Error {
  override readonly name = "DeviceLostError";
}
