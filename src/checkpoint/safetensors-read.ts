// Reads the safetensors format: refuses whatever the format's own reader refuses, and with it what that one lets pass
// though the format forbids it (a name that stands twice) or does not know it (other fields).

import { CheckpointError } from "../errors.ts";
import { show, tagOf } from "../show.ts";
import { decodeUtf8 } from "../utf8.ts";
import { byteLengthOf, bytesOf, type Dtype, MAX_HEADER, METADATA, quote } from "./safetensors.ts";

/** The array that a tensor's bytes are viewed as; of F16 and BF16 it holds the bits. */
export const STORAGE = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** What {@link STORAGE} has. */
export type Storage = InstanceType<(typeof STORAGE)[Dtype]>;

/** The inverse of {@link encodeName}. */
export const decodeName = (name: string): string =>
  name.replace(/~u([\da-f]{4})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));

/** A tensor's place in a file. */
export interface FileTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Bytes from the file's begin. */
  readonly begin: number;
  readonly end: number;
}

/** A file that was read and found whole. */
export interface SafetensorsFile {
  readonly metadata: ReadonlyMap<string, string>;
  /** By name as it stands in the file, in the header's order. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
}

/**
 * Reads a file's header, and checks all of it against the file's length. The data are not touched.
 *
 * @param bytes the whole file
 * @throws CheckpointError that says what is damaged, and where
 */
export function parseSafetensors(bytes: Uint8Array): SafetensorsFile {
  const size = bytes.length;
  if (size < 8) throw new CheckpointError(`the file has ${size} bytes, expected at least 8: is it cut off?`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER) {
    const claim = `the first 8 bytes promise a header of ${length} bytes, expected at most ${MAX_HEADER}`;
    throw new CheckpointError(`${claim}: is it a safetensors file?`);
  }
  const data = 8 + Number(length);
  if (data > size) {
    throw new CheckpointError(`the header ends at byte ${data}, the file at byte ${size}: is it cut off?`);
  }

  const metadata = new Map<string, string>();
  const tensors = new Map<string, FileTensor>();
  const scanner = new Scanner(bytesOf(bytes).subarray(0, data));
  scanner.object((name) => {
    scanner.where = name === METADATA ? name : `tensor ${quote(name)}`;
    if (name === METADATA) scanner.object((key) => metadata.set(key, scanner.string()));
    else tensors.set(name, readTensor(scanner, data));
    scanner.where = "the header";
  });
  scanner.end();
  checkCover(tensors, data, size);
  return { metadata, tensors };
}

/** The bytes of what a user gave. @throws TypeError if it holds none */
export function fileOf(bytes: unknown, caller: string): Uint8Array {
  if (ArrayBuffer.isView(bytes)) return bytesOf(bytes);
  if (typeof bytes === "object" && bytes !== null && /^(Shared)?ArrayBuffer$/.test(tagOf(bytes))) {
    return new Uint8Array(bytes as ArrayBuffer);
  }
  throw new TypeError(`${caller}: bytes is ${show(bytes)}, expected an ArrayBuffer or a Uint8Array`);
}

/** A tensor's elements: a view on the file where they lie on a multiple of their size, else a copy. */
export function arrayOf(bytes: Uint8Array, { dtype, begin, end }: FileTensor): Storage {
  const Elements = STORAGE[dtype];
  const size = Elements.BYTES_PER_ELEMENT;
  const at = bytes.byteOffset + begin;
  const copied = at % size !== 0;
  const buffer = copied ? bytesOf(bytes).slice(begin, end).buffer : bytes.buffer;
  return new Elements(buffer as ArrayBuffer, copied ? 0 : at, (end - begin) / size);
}

function readTensor(scanner: Scanner, data: number): FileTensor {
  const fields: { dtype?: string; shape?: number[]; data_offsets?: number[] } = {};
  scanner.object((field, at) => {
    if (field === "dtype") fields.dtype = scanner.string();
    else if (field === "shape" || field === "data_offsets") fields[field] = scanner.integers();
    else scanner.fail(`has the field ${quote(field)}, expected dtype, shape and data_offsets`, at);
  });
  const refuse = (what: string) => new CheckpointError(`${scanner.where} ${what}`);
  for (const field of ["dtype", "shape", "data_offsets"] as const) {
    if (fields[field] === undefined) throw refuse(`has no ${field}`);
  }
  const { dtype, shape, data_offsets: offsets } = fields as Required<typeof fields>;
  if (!isDtype(dtype)) throw refuse(`has dtype ${quote(dtype)}, expected one of ${Object.keys(STORAGE).join(", ")}`);
  const [begin, end] = offsets as [number, number];
  if (offsets.length !== 2 || begin > end) {
    throw refuse(`has data_offsets ${list(offsets)}, expected [begin, end] with begin <= end`);
  }
  const length = byteLengthOf(dtype, shape);
  if (Number.isNaN(length)) throw refuse(`has shape ${list(shape)}: more elements than can be counted`);
  if (end - begin !== length) {
    const expected = `expected ${length} for ${dtype} ${list(shape)}`;
    throw refuse(`has data_offsets ${list(offsets)}: ${end - begin} bytes, ${expected}`);
  }
  return { dtype, shape, begin: data + begin, end: data + end };
}

const isDtype = (dtype: string): dtype is Dtype => Object.hasOwn(STORAGE, dtype);

const list = (numbers: readonly number[]): string =>
  numbers.length > 16 ? `[${numbers.slice(0, 16).join(", ")}, …]` : `[${numbers.join(", ")}]`;

/** Every byte of the data belongs to one tensor, as the format demands. */
function checkCover(tensors: ReadonlyMap<string, FileTensor>, data: number, size: number): void {
  let covered = data;
  let last = "";
  const order = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  for (const [name, { begin, end }] of order) {
    const tensor = `tensor ${quote(name)}`;
    const refuse = (what: string) => new CheckpointError(`${tensor} ${what}`);
    if (begin > covered) throw refuse(`begins at byte ${begin}: the bytes from ${covered} on belong to no tensor`);
    if (begin < covered) throw refuse(`begins at byte ${begin}, before ${last} ends at byte ${covered}`);
    if (end > size) throw refuse(`ends at byte ${end}, the file at byte ${size}: is it cut off?`);
    covered = end;
    last = tensor;
  }
  if (covered < size) {
    throw new CheckpointError(`the file ends at byte ${size}: the bytes from ${covered} on belong to no tensor`);
  }
}

/**
 * Reads a header's JSON from its bytes, as deep as a header goes and no deeper. JSON.parse would not tell that a name
 * stands twice, nor 1.0 from 1, nor where an error is.
 */
class Scanner {
  /** For messages: what is being read. */
  where = "the header";
  #at = 8;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** `{"key": …, …}`; `read` takes what follows a key, which stands at byte `at`. */
  object(read: (key: string, at: number) => void): void {
    const keys = new Set<string>();
    this.#items("{", "}", () => {
      const at = this.#skip();
      const key = this.string();
      if (keys.has(key)) this.fail(`has ${quote(key)} twice`, at);
      keys.add(key);
      this.#expect(":", '":"');
      read(key, at);
    });
  }

  /** `[1, 2, …]`, integers >= 0. */
  integers(): number[] {
    const integers: number[] = [];
    this.#items("[", "]", () => integers.push(this.#integer()));
    return integers;
  }

  string(): string {
    this.#expect('"', "a string");
    const begin = this.#at - 1;
    let end = this.#at;
    while (this.#bytes[end] !== 34) {
      if (end >= this.#bytes.length) this.fail("has a string without an end", begin);
      end += this.#bytes[end] === 92 ? 2 : 1;
    }
    this.#at = end + 1;
    let text: string;
    try {
      text = JSON.parse(decodeUtf8(this.#bytes.subarray(begin, this.#at)));
    } catch (error) {
      const format = (error as Error).name === "SyntaxError" ? "JSON" : "UTF-8";
      return this.fail(`has a string that is not ${format}`, begin);
    }
    if (/\p{Cs}/u.test(text)) this.fail("has a string with a lone surrogate", begin);
    return text;
  }

  /** Nothing but white space is left. */
  end(): void {
    if (this.#skip() < this.#bytes.length) this.#fails("its end");
  }

  /** @throws CheckpointError */
  fail(what: string, at: number): never {
    throw new CheckpointError(`${this.where} ${what}, at byte ${at}`);
  }

  #integer(): number {
    const begin = this.#skip();
    let value = 0;
    // A zero is not followed by digits.
    while (this.#byte >= 48 && this.#byte <= 57 && (value > 0 || this.#at === begin)) {
      value = value * 10 + (this.#byte - 48);
      this.#at++;
    }
    if (this.#at === begin) this.#fails("an integer >= 0");
    if (!Number.isSafeInteger(value)) this.fail("has an integer above 2^53 - 1", begin);
    return value;
  }

  #items(open: string, close: string, item: () => void): void {
    this.#expect(open, `"${open}"`);
    if (this.#take(close)) return;
    do item();
    while (this.#take(","));
    this.#expect(close, `"," or "${close}"`);
  }

  #expect(character: string, words: string): void {
    if (!this.#take(character)) this.#fails(words);
  }

  #fails(expected: string): never {
    const byte = this.#byte;
    const shown = byte > 32 && byte < 127 ? JSON.stringify(String.fromCharCode(byte)) : `byte ${byte}`;
    return this.fail(`${byte < 0 ? "ends" : `has ${shown}`}, expected ${expected}`, this.#at);
  }

  #take(character: string): boolean {
    this.#skip();
    const found = this.#byte === character.charCodeAt(0);
    if (found) this.#at++;
    return found;
  }

  /** Past white space; returns the place. */
  #skip(): number {
    while (this.#byte === 32 || this.#byte === 9 || this.#byte === 10 || this.#byte === 13) this.#at++;
    return this.#at;
  }

  /** The next byte, -1 at the end. */
  get #byte(): number {
    return this.#bytes[this.#at] ?? -1;
  }
}
