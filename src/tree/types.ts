import type { NumericArray, ShapedLeaf, ZerosLeaf } from "./leaf.ts";

/** What a leaf may be: a bare number, a typed array of numbers, `{ data, shape }`, in `init` also `{ shape }`. */
export type Leaf = number | NumericArray | ShapedLeaf | ZerosLeaf;

/** A tree of views with the keys of `T`: every leaf is a `Float32Array` on the optimizer's memory. */
export type Views<T> = T extends Leaf ? Float32Array<ArrayBuffer> : { readonly [Key in keyof T]: Views<T[Key]> };

/** A plain tree with the keys of `T`, of fresh arrays; a bare number stays a number. */
export type Plain<T> = T extends number
  ? number
  : T extends NumericArray
    ? Float32Array<ArrayBuffer>
    : T extends ShapedLeaf | ZerosLeaf
      ? { data: Float32Array<ArrayBuffer>; shape: number[] }
      : { -readonly [Key in keyof T]: Plain<T[Key]> };

/**
 * A tree of gradients for parameters `T`: each leaf in any form that holds as many numbers. Frozen leaves may be absent or
 * null; that others may not is checked when it runs.
 */
export type Gradients<T> = T extends Leaf
  ? number | NumericArray | ShapedLeaf
  : { readonly [Key in keyof T]?: Gradients<T[Key]> | null };
