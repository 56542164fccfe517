import type { PlacedRule } from "../program/chain.ts";
import { isPlainObject, show, tagOf } from "../show.ts";
import { dtypeOf } from "./safetensors.ts";

/** Takes one tensor of a checkpoint. */
export type AddTensor = (name: string, shape: readonly number[], bytes: ArrayBufferView<ArrayBuffer>) => void;

/** A user's own state as JSON, its typed arrays as tensors. @throws TypeError for what a file cannot hold */
export function savedCustom({ address }: PlacedRule, state: unknown, add: AddTensor): unknown {
  let arrays = 0;
  const save = (value: unknown): unknown => {
    if (Array.isArray(value)) return { array: Array.from(value, save) };
    if (typeof value === "number") return { number: Object.is(value, -0) ? "-0" : String(value) };
    if (typeof value === "bigint") return { bigint: String(value) };
    if (value === undefined) return {};
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (ArrayBuffer.isView(value) && dtypeOf(value)) {
      const name = `custom/${address}/${arrays++}`;
      add(name, [(value as Float32Array).length], value as Float32Array<ArrayBuffer>);
      return { tensor: name, kind: tagOf(value) };
    }
    if (isPlainObject(value)) return { object: Object.entries(value).map(([key, child]) => [key, save(child)]) };
    throw new TypeError(
      `the state of "${address}" holds ${show(value)}, which a checkpoint cannot: use plain objects, arrays, numbers, strings and typed arrays`,
    );
  };
  return save(state);
}
