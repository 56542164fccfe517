// The safetensors format (https://github.com/huggingface/safetensors), and its writer. safetensors-read.ts reads it.
//
//     | n, a u64 | header: JSON, n bytes, padded with spaces | the tensors' data, without gaps |
//     0          8                                           8 + n, on a 64-byte line here     bytes
//
// Little-endian throughout.

import { CheckpointError } from "../errors.ts";
import { tagOf } from "../show.ts";
import { encodeUtf8 } from "../utf8.ts";
import type { STORAGE } from "./safetensors-read.ts";

/** The kind of a tensor's elements. The format has others (F8 and smaller, C64), which no typed array holds. */
export type Dtype = keyof typeof STORAGE;

/** Bytes. The format's own reader takes no longer header. */
export const MAX_HEADER = 100_000_000;

/** A key of the header that is no tensor: strings by name. */
export const METADATA = "__metadata__";

/** A tensor to be written. */
export interface NewTensor {
  /** Any string; see {@link encodeName}. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Its bytes: any view, not copied. */
  readonly bytes: ArrayBufferView<ArrayBuffer>;
}

/** Bytes of a tensor; NaN for a shape whose product, from the left, is not counted exactly. */
export const byteLengthOf = (dtype: Dtype, shape: readonly number[]): number =>
  shape.reduce(
    (size, axis) => (size * axis <= Number.MAX_SAFE_INTEGER ? size * axis : Number.NaN),
    Number(/\d+|$/.exec(dtype)) / 8 || 1, // BOOL
  );

/** The dtype of a typed array's elements; undefined for one that is not in {@link STORAGE}. */
export function dtypeOf(array: ArrayBufferView): Dtype | undefined {
  const [, kind, bits] = /([FIU])(?:loat(?!16)|nt|int)(\d+)/.exec(tagOf(array)) ?? [];
  return kind === undefined ? undefined : (`${kind}${bits}` as Dtype);
}

/** The bytes of any view: never a Buffer of Node's, whose `slice` does not copy. */
export const bytesOf = <Buffer extends ArrayBufferLike>(view: ArrayBufferView<Buffer>): Uint8Array<Buffer> =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** A name in a message: a header may hold one of any length. */
export const quote = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

/**
 * A tensor's name in a file. Lone surrogates are no Unicode, and `__metadata__` is no tensor: `~u` and four hexadecimal
 * digits stand for what cannot stand there itself, and so for the `~` of a `~u` too. Different names stay different.
 */
export const encodeName = (name: string): string =>
  name.replace(/\p{Cs}|~(?=u)|^_(?=_metadata__$)/gu, (c) => `~u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * Lays a file out: its header, then the tensors' own bytes, not copied. The header has the tensors in the given order; the
 * data begin with those of the largest elements, so that each can be viewed where it lies.
 *
 * @param tensors in order; `name` is written as {@link encodeName} has it
 * @param metadata strings by name
 * @returns the file in pieces, and its size in bytes
 * @throws CheckpointError for two tensors of one name, bytes that are not as many as the shape has, metadata with a lone
 *   surrogate, a header that is longer than readers take
 */
export function encodeSafetensors(
  tensors: readonly NewTensor[],
  metadata: Readonly<Record<string, string>> = {},
): { chunks: Uint8Array<ArrayBuffer>[]; size: number } {
  const order = tensors.map((tensor) => ({ ...tensor, bytes: bytesOf(tensor.bytes), begin: 0 }));
  const data = [...order].sort((a, b) => byteLengthOf(b.dtype, []) - byteLengthOf(a.dtype, []));
  let size = 0;
  for (const tensor of data) {
    const { name, dtype, shape, bytes } = tensor;
    if (bytes.length !== byteLengthOf(dtype, shape)) {
      throw new CheckpointError(`tensor ${quote(name)} has ${bytes.length} bytes for ${dtype} [${shape}]`);
    }
    tensor.begin = size;
    size += bytes.length;
  }

  const header = encodeHeader(order, metadata);
  return { chunks: [header, ...data.map(({ bytes }) => bytes)], size: header.length + size };
}

function encodeHeader(
  tensors: readonly (NewTensor & { readonly begin: number })[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const strings = Object.entries(metadata);
  for (const [key, value] of strings) {
    if (/\p{Cs}/u.test(`${key} ${value}`)) {
      throw new CheckpointError(`metadata ${quote(key)} has a lone surrogate: write it as JSON.stringify does`);
    }
  }
  // A map, not an object, whose keys would not keep their order.
  const entries = new Map<string, unknown>(strings.length > 0 ? [[METADATA, metadata]] : []);
  for (const { name, dtype, shape, bytes, begin } of tensors) {
    const key = encodeName(name);
    if (entries.has(key)) throw new CheckpointError(`two tensors are named ${quote(name)}`);
    entries.set(key, { dtype, shape, data_offsets: [begin, begin + bytes.byteLength] });
  }
  const json = [...entries].map(([key, entry]) => `${JSON.stringify(key)}:${JSON.stringify(entry)}`);
  const text = encodeUtf8(`{${json}}`);
  const header = new Uint8Array(Math.ceil((8 + text.length) / 64) * 64).fill(32);
  const length = header.length - 8;
  if (length > MAX_HEADER)
    throw new CheckpointError(`the header has ${length} bytes, readers take at most ${MAX_HEADER}`);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

/** The pieces of a file as one array. */
export function joinChunks({ chunks, size }: { chunks: readonly Uint8Array[]; size: number }): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
