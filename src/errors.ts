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
