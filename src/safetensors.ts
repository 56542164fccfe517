// The entry "lanestep/safetensors": pretrained weights as a tree of parameters.

import { quote } from "./checkpoint/safetensors.ts";
import { arrayOf, type FileTensor, fileOf, parseSafetensors, type Storage } from "./checkpoint/safetensors-read.ts";
import { CheckpointError } from "./errors.ts";
import { type OptionSpec, option, readOptions } from "./options.ts";
import type { NumericArray } from "./tree/leaf.ts";

/** A tensor of a file, row-major. */
export interface Weight {
  readonly data: NumericArray;
  readonly shape: readonly number[];
}

/** A tensor of 64-bit integers. It is no leaf of parameters: `Float32Array.from(data, Number)` makes one. */
export interface BigWeight {
  readonly data: BigInt64Array | BigUint64Array;
  readonly shape: readonly number[];
}

/** The tensors of a file by name. */
export interface Weights {
  readonly [name: string]: Weight | BigWeight;
}

/** The tensors of a file by the parts of their names. */
export interface WeightTree {
  readonly [part: string]: Weight | BigWeight | WeightTree;
}

/** Options of {@link readSafetensors}. */
export interface ReadSafetensorsOptions {
  /** Where names are split: "." for PyTorch's. "" by default: names stay whole. */
  readonly separator?: string | undefined;
}

const spec = {
  separator: option<string>("", "a string", (value): value is string => typeof value === "string"),
} satisfies OptionSpec<ReadSafetensorsOptions>;

/**
 * Reads a safetensors file, as a tree that `init` takes.
 *
 * F32, F16 and BF16 become a `Float32Array`, all of them exactly; F64, I8, U8, I16, U16, I32 and U32 the typed array of
 * that name, BOOL a `Uint8Array`; I64 and U64 a `BigInt64Array` and a `BigUint64Array`, which `init` does not take.
 *
 * Arrays are views on `bytes`, not copies, but for F16 and BF16, and for a tensor that does not begin on a multiple of its
 * elements' size, as typed arrays must: files of the format's own library have none such, nor have this library's.
 *
 * @param bytes the whole file
 * @param options `separator` (a string, "": names stay whole): splits names into nested objects; with "." the tensor
 *   "layers.0.weight" is `{ layers: { 0: { weight } } }`, the number a key of an object too
 * @returns an object with the file's tensors, `{ data, shape }`, in the order of its header. `T` is what the caller knows
 *   of them; nothing checks it
 * @throws CheckpointError for a file that is damaged, for a dtype that is none of these (F8, F4, C64), and for a name that
 *   ends where another goes on ("a" and "a.b"); TypeError for another argument
 *
 * @example
 * ```ts
 * import { readSafetensors } from "lanestep/safetensors";
 *
 * const url = "data:;base64,OAAAAAAAAAB7ImEudyI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzAsOF19fQAAgD8AAABA";
 * const bytes = await (await fetch(url)).arrayBuffer();
 * const weights = readSafetensors(bytes, { separator: "." });
 * weights; // => { a: { w: { data: Float32Array.of(1, 2), shape: [2] } } }
 * const optimizer = await sgd({ learningRate: 0.1 }).init(weights);
 * optimizer.snapshot("params"); // => { a: { w: Float32Array.of(1, 2) } }
 * ```
 *
 * Source: https://github.com/huggingface/safetensors#format
 */
export function readSafetensors<T extends object = Weights>(
  bytes: ArrayBufferView | ArrayBufferLike,
  options?: { readonly separator?: "" | undefined },
): T;
export function readSafetensors<T extends object = WeightTree>(
  bytes: ArrayBufferView | ArrayBufferLike,
  options: ReadSafetensorsOptions,
): T;
export function readSafetensors(
  bytes: ArrayBufferView | ArrayBufferLike,
  options: ReadSafetensorsOptions = {},
): object {
  const { separator } = readOptions("readSafetensors", options, spec);
  const file = fileOf(bytes, "readSafetensors");
  // Without a prototype, "__proto__" is a key as any other.
  const root: Node = Object.create(null);
  const leaves = new Set<unknown>();
  for (const [name, tensor] of parseSafetensors(file).tensors) {
    const parts = separator === "" ? [name] : name.split(separator);
    const refuse = (length: number) => {
      const prefix = quote(parts.slice(0, length).join(separator));
      return new CheckpointError(`${prefix} is a tensor, and other names go on from it: read it without a separator`);
    };
    const last = parts.length - 1;
    let node = root;
    for (let i = 0; i < last; i++) {
      node[parts[i]!] ??= Object.create(null);
      node = node[parts[i]!] as Node;
      if (leaves.has(node)) throw refuse(i + 1);
    }
    if (parts[last]! in node) throw refuse(parts.length);
    const leaf = { data: numbersOf(file, tensor), shape: tensor.shape };
    leaves.add(leaf);
    node[parts[last]!] = leaf;
  }
  return root;
}

/**
 * Reads what a safetensors file says of itself: of a checkpoint of this library what `save({ metadata })` was given, beside
 * `format`, `chain`, `host` and `tree`. The tensors are not touched.
 *
 * @param bytes the whole file
 * @returns strings by name
 * @throws CheckpointError for a file that is damaged; TypeError for another argument
 *
 * @example
 * ```ts
 * const optimizer = await adam().init({ w: Float32Array.of(1) });
 * const bytes = optimizer.save({ metadata: { epoch: "3" } });
 * readMetadata(bytes).epoch; // => "3"
 * ```
 *
 * Source: https://github.com/huggingface/safetensors#format
 */
export function readMetadata(bytes: ArrayBufferView | ArrayBufferLike): Record<string, string> {
  return Object.fromEntries(parseSafetensors(fileOf(bytes, "readMetadata")).metadata);
}

type Node = { [part: string]: object };

function numbersOf(file: Uint8Array, tensor: FileTensor): Storage {
  const array = arrayOf(file, tensor);
  const { dtype } = tensor;
  return dtype === "F16" || dtype === "BF16" ? widen(array as Uint16Array, dtype) : array;
}

/** float16 or bfloat16 as float32, which has them all. No NaN passes through arithmetic: it keeps its payload. */
function widen(halves: Uint16Array, dtype: "F16" | "BF16"): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(halves.length);
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    if (dtype === "BF16") {
      bits[i] = half << 16;
    } else {
      // Moved to its place the exponent is 112 too small, also of a subnormal; all ones stay all ones.
      bits[i] = (half & 0x7fff) << 13;
      floats[i]! *= 2 ** 112;
      bits[i]! |= ((half & 0x8000) << 16) | ((half & 0x7fff) < 0x7c00 ? 0 : 0x7f800000);
    }
  }
  return floats;
}
