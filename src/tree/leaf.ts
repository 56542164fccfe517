import { isPlainObject, show, tagOf } from "../show.ts";
import { displayPath, type Keys } from "./path.ts";

/** What a typed array of numbers is here; BigInt arrays are not. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** A leaf with its shape, row-major. `shape: []` is a scalar: one element. */
export interface ShapedLeaf {
  readonly data: NumericArray | readonly number[];
  readonly shape: readonly number[];
}

/** A leaf of zeros, in `init` only. */
export interface ZerosLeaf {
  readonly shape: readonly number[];
}

/** A leaf as it was found in a tree. */
export interface FoundLeaf {
  /** `number`: a scalar; `array`: a typed array, its shape its length; `shaped`: with a shape of its own. */
  readonly kind: "number" | "array" | "shaped" | "zeros";
  readonly shape: readonly number[];
  readonly length: number;
  readonly data: number | ArrayLike<number> | null;
}

/** The numbers of elements a shape holds; the empty product is 1. */
const sizeOf = (shape: readonly number[]): number => shape.reduce((size, axis) => size * axis, 1);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

/** For messages: `5×3`. */
export const displayShape = (shape: readonly number[]): string => (shape.length ? shape.join("×") : "a scalar");

function isNumericArray(value: unknown): value is NumericArray {
  const name = ArrayBuffer.isView(value) ? tagOf(value) : "";
  return name.endsWith("Array") && !name.startsWith("Big");
}

function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && [...value].every((axis) => Number.isSafeInteger(axis) && axis >= 0);
}

/** Not `value.every`, which passes over holes. */
const isNumberList = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && [...value].every((element) => typeof element === "number");

/**
 * Reads a value as a leaf; `null` if it is a node (a plain object or an array of other things).
 *
 * @throws TypeError with the path and the mend, if it is neither
 */
export function readLeaf(value: unknown, root: string, keys: Keys): FoundLeaf | null {
  if (typeof value === "number") return { kind: "number", shape: [], length: 1, data: value };
  const refuse = (what: string) => new TypeError(`"${displayPath(root, keys)}" is ${what}`);
  if (isNumericArray(value)) return { kind: "array", shape: [value.length], length: value.length, data: value };
  if (Array.isArray(value)) {
    if (value.length > 0 && isNumberList(value)) {
      throw refuse(
        "an array of plain numbers (each would be a leaf of its own): use Float32Array.from(…) or { data, shape }",
      );
    }
    return null;
  }
  if (isPlainObject(value)) return readShaped(value, refuse);
  throw refuse(`${show(value)}, ${mend(value)}`);
}

function readShaped(value: Record<string, unknown>, refuse: (what: string) => TypeError): FoundLeaf | null {
  const names = Object.keys(value);
  const { data, shape } = value;
  if (!names.includes("shape") || names.length > (names.includes("data") ? 2 : 1)) return null;
  if (!isShape(shape)) {
    // A node may have children called data and shape: then shape is no numbers.
    if (isPlainObject(shape) || (Array.isArray(shape) && shape.some((axis) => typeof axis === "object"))) return null;
    throw refuse(`{ data, shape } with ${JSON.stringify(shape)} as shape, expected an array of integers >= 0`);
  }
  if (names.length === 1) return { kind: "zeros", shape: [...shape], length: sizeOf(shape), data: null };
  if (!isNumericArray(data) && !isNumberList(data)) {
    throw refuse(`{ data, shape } with ${show(data)} as data, expected a typed array or an array of numbers`);
  }
  const length = sizeOf(shape);
  if (data.length !== length) {
    throw refuse(`{ data, shape } with ${data.length} elements, but its shape ${displayShape(shape)} has ${length}`);
  }
  return { kind: "shaped", shape: [...shape], length, data };
}

/** A leaf's numbers, as a fresh array. */
export const valuesOf = ({ data, length }: FoundLeaf): Float32Array<ArrayBuffer> =>
  data === null ? new Float32Array(length) : Float32Array.from(typeof data === "number" ? [data] : data);

function mend(value: unknown): string {
  const kinds = "expected a typed array, { data, shape } or a number";
  if (typeof value === "bigint" || (ArrayBuffer.isView(value) && tagOf(value).startsWith("Big"))) {
    return `${kinds}: convert it with Float32Array.from(values, Number)`;
  }
  if (value instanceof Map) return `${kinds}: convert it with Object.fromEntries(…)`;
  if (typeof value === "object" && value !== null) return `${kinds}: give the numbers it holds, for a tensor its data`;
  return kinds;
}
