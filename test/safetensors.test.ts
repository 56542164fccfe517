import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  bytesOf,
  type Dtype,
  dtypeOf,
  encodeName,
  encodeSafetensors,
  joinChunks,
  type NewTensor,
} from "../src/checkpoint/safetensors.ts";
import { arrayOf, decodeName, parseSafetensors, STORAGE } from "../src/checkpoint/safetensors-read.ts";
import { CheckpointError } from "../src/errors.ts";
import { readSafetensors } from "../src/safetensors.ts";
import { meaningOf } from "./oracle/safetensors.ts";
import { entry, fileOf } from "./support/safetensors.ts";
import { expectError } from "./support/untouched.ts";

const hex = (bytes: ArrayBufferView) => Buffer.from(bytesOf(bytes)).toString("hex");
const dtypes = Object.keys(STORAGE) as Dtype[];
const fixture = () => readFileSync(new URL("./fixtures/python-0.8.0.safetensors", import.meta.url));

/** Any string, of any UTF-16 code units, often one that means something to JavaScript, to the format or to its escape. */
const anyString = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: fc.constantFrom(...'~u0_/.d8\\"\n\ud83d\ude00a') }),
  fc.constantFrom("__proto__", "__metadata__", "~u005f_metadata__", "constructor", "toString", "0", "~ud800"),
);

const anyTensor = fc
  .record({
    name: anyString,
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(3), { maxLength: 4 }),
    offset: fc.nat(9),
    seed: fc.nat(255),
  })
  .map(({ name, dtype, shape, offset, seed }): NewTensor => {
    const length = shape.reduce((size, axis) => size * axis, STORAGE[dtype].BYTES_PER_ELEMENT);
    const bytes = Uint8Array.from({ length: offset + length }, (_, i) => seed + 31 * i).subarray(offset);
    return { name, dtype, shape, bytes };
  });
const anyTensors = fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 12 });

const seed = { seed: Number(process.env.FC_SEED ?? 20_240_901), numRuns: Number(process.env.FC_RUNS ?? 1000) };

describe("what is written is read", () => {
  it("any names, shapes, dtypes and metadata", () => {
    const wellFormed = fc.string({ unit: "binary" });
    const metadata = fc.dictionary(fc.oneof(wellFormed, fc.constant("__proto__")), wellFormed);
    fc.assert(
      fc.property(anyTensors, metadata, (tensors, metadata) => {
        const { chunks, size } = encodeSafetensors(tensors, metadata);
        const file = joinChunks({ chunks, size });
        expect(file.length).toBe(size);
        expect(chunks[0]!.length % 64).toBe(0);
        const pieces = chunks.slice(1).map(({ buffer }) => buffer);
        expect(new Set(pieces)).toEqual(new Set(tensors.map(({ bytes }) => bytes.buffer)));

        const read = parseSafetensors(file);
        expect([...read.metadata].sort()).toEqual(Object.entries(metadata).sort());
        expect([...read.tensors.keys()].map(decodeName)).toEqual(tensors.map(({ name }) => name));
        for (const { name, dtype, shape, bytes } of tensors) {
          const tensor = read.tensors.get(encodeName(name))!;
          expect(tensor).toMatchObject({ dtype, shape });
          expect(hex(file.subarray(tensor.begin, tensor.end))).toBe(hex(bytes));
          const array = arrayOf(file, tensor);
          expect([array.buffer, array.byteOffset, hex(array)]).toEqual([file.buffer, tensor.begin, hex(bytes)]);
          expect(array).toBeInstanceOf(STORAGE[dtype]);
        }
        const meaning = meaningOf(file)!;
        expect(Object.fromEntries(meaning.tensors)).toEqual(
          Object.fromEntries(
            tensors.map(({ name, dtype, shape, bytes }) => [encodeName(name), { dtype, shape, data: hex(bytes) }]),
          ),
        );
      }),
      seed,
    );
  });

  it("names: the escape can be undone, gives Unicode, and leaves usual names as they are", () => {
    fc.assert(
      fc.property(anyString, (name) => {
        expect(decodeName(encodeName(name))).toBe(name);
        expect(encodeName(name)).not.toMatch(/\p{Cs}|^__metadata__$/u);
      }),
      { ...seed, numRuns: 10 * seed.numRuns },
    );
    const names = {
      "params/dense0/kernel": "params/dense0/kernel",
      "a~0b~1c": "a~0b~1c",
      "😀 ü": "😀 ü",
      "a\ud800": "a~ud800",
      "\ude00\ud83d": "~ude00~ud83d",
      "~ud800": "~u007eud800",
      __metadata__: "~u005f_metadata__",
      __metadata__s: "__metadata__s",
    };
    for (const [name, encoded] of Object.entries(names)) expect(encodeName(name)).toBe(encoded);
  });

  it("the bytes of a file: as the format's specification has them", () => {
    const bytes = Float32Array.of(1);
    const { chunks, size } = encodeSafetensors([{ name: "w", dtype: "F32", shape: [], bytes }], { k: "v" });
    const header = '{"__metadata__":{"k":"v"},"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}';
    expect(hex(joinChunks({ chunks, size }))).toBe(
      `78${"00".repeat(7)}${Buffer.from(header.padEnd(120)).toString("hex")}0000803f`,
    );
    expect(joinChunks(encodeSafetensors([])).length).toBe(64);
    expect(parseSafetensors(joinChunks(encodeSafetensors([])))).toEqual({ metadata: new Map(), tensors: new Map() });
  });

  it("the dtype of an array", () => {
    const withDtype = [Float32Array, Float64Array, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array];
    const others = [Int32Array, Uint32Array, BigInt64Array, BigUint64Array].map((Elements) => dtypeOf(new Elements(0)));
    expect(withDtype.map((Elements) => dtypeOf(new Elements(0)))).toEqual("F32 F64 I8 U8 U8 I16 U16".split(" "));
    expect(others).toEqual(["I32", "U32", "I64", "U64"]);
    expect(dtypeOf(new DataView(new ArrayBuffer(0)))).toBe(undefined);
  });

  it("refuses to write what could not be read", () => {
    const w = { name: "w", dtype: "F32", shape: [2], bytes: new Float32Array(2) } as const;
    expectError(() => encodeSafetensors([w, w]), CheckpointError, 'two tensors are named "w"');
    const short = { ...w, shape: [3] };
    expectError(() => encodeSafetensors([short]), CheckpointError, 'tensor "w" has 8 bytes for F32 [3]');
    const lone = 'metadata "k" has a lone surrogate: write it as JSON.stringify does';
    expectError(() => encodeSafetensors([w], { k: "\udc00" }), CheckpointError, lone);
    expect(
      parseSafetensors(joinChunks(encodeSafetensors([w], { k: JSON.stringify("\udc00") }))).metadata.get("k"),
    ).toBe('"\\udc00"');
    const long = "the header has 100000056 bytes, readers take at most 100000000";
    expectError(() => encodeSafetensors([], { k: " ".repeat(1e8) }), CheckpointError, long);
  });
});

const F32 = entry("F32", "1", "0,4");

describe("what the format allows is read", () => {
  it.each<[what: string, header: string, data: number, names: string[]]>([
    ["no tensors", "{}", 0, []],
    ["white space anywhere", ` \t\r\n{ "a" : ${F32.replaceAll(",", "\n,\t")} } \n`, 4, ["a"]],
    ["tensors in another order than their data", `{"a":${entry("F32", "1", "4,8")},"b":${F32}}`, 8, ["a", "b"]],
    [
      "tensors without data at the ends and between",
      `{"a":${F32},"b":${entry("I64", "0", "4,4")},"c":${entry("F32", "1", "4,8")},"d":${entry("U8", "2,0", "0,0")}}`,
      8,
      ["a", "b", "c", "d"],
    ],
    ["no axis too long beside a zero", `{"a":${entry("F32", "0,9007199254740991", "0,0")}}`, 0, ["a"]],
    ["fields in another order", '{"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}}', 4, ["a"]],
    ["names of any kind", `{"":${F32},"\\u0000\\ud83d\\ude00":${entry("U8", "0", "0,0")}}`, 4, ["", "\0😀"]],
    ["the names of fields", `{"dtype":${F32},"shape":${entry("U8", "0", "0,0")}}`, 4, ["dtype", "shape"]],
  ])("%s", (_, header, data, names) => {
    const file = fileOf(header, data);
    expect([...parseSafetensors(file).tensors.keys()]).toEqual(names);
    expect(meaningOf(file)).not.toBe(null);
  });

  it("a name that is a property of objects is as any other", () => {
    const names = ["__proto__", "constructor", "hasOwnProperty", "__proto__.polluted"];
    const tensors = names.map((name, i) => `"${name}":${entry("U8", "1", `${i},${i + 1}`)}`);
    const file = fileOf(`{"__metadata__":{"__proto__":"kept"},${tensors}}`, 4);
    expect(parseSafetensors(file).metadata.get("__proto__")).toBe("kept");
    const flat = readSafetensors(file);
    expect(Object.keys(flat)).toEqual(names);
    names.forEach((name, i) => {
      expect(flat[name]).toEqual({ data: Uint8Array.of(i), shape: [1] });
    });
    expect(flat.toString).toBe(undefined);
    const nested = ["__proto__.polluted", "a.__proto__.polluted", "a.constructor", "a.toString.call"];
    const empty = nested.map((name) => `"${name}":${entry("U8", "0", "0,0")}`);
    const paths = (tree: object): string[] =>
      Object.entries(tree).flatMap(([key, node]) =>
        "shape" in node ? [key] : paths(node).map((path) => `${key}.${path}`),
      );
    expect(paths(readSafetensors(fileOf(`{${empty}}`), { separator: "." })).sort()).toEqual([...nested].sort());
    expect("polluted" in {}).toBe(false);
  });
});

describe("readSafetensors", () => {
  it("reads what the format's own library wrote", () => {
    const file = fixture();
    const weights = readSafetensors(file);
    const nan = Uint32Array.of(0xffc02000, 0x7fc10000);
    const [half, brain] = new Float32Array(nan.buffer);
    expect(Object.entries(weights)).toEqual([
      ["unsigned", { data: BigUint64Array.of(2n ** 64n - 1n), shape: [1] }],
      ["signed", { data: BigInt64Array.of(-(2n ** 62n), 3n), shape: [2] }],
      ["double", { data: Float64Array.of(0.1, -1e300), shape: [2] }],
      ["layers.0.weight", { data: Float32Array.of(-1, -0.5, 0, 0.5, 1, 1.5), shape: [2, 3] }],
      ["layers.1.empty", { data: new Float32Array(0), shape: [0, 3] }],
      ["scale", { data: Float32Array.of(0.1), shape: [] }],
      ["uints", { data: Uint32Array.of(2 ** 32 - 1), shape: [1] }],
      ["ints", { data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1), shape: [2] }],
      [
        "layers.1.weight",
        { data: Float32Array.of(1, -2, 255 * 2 ** 120, 2 ** -133, -Infinity, brain!), shape: [3, 2] },
      ],
      ["layers.0.bias", { data: Float32Array.of(1, -2, 65504, 2 ** -24, Infinity, half!), shape: [6] }],
      ["ushorts", { data: Uint16Array.of(2 ** 16 - 1), shape: [1] }],
      ["shorts", { data: Int16Array.of(-(2 ** 15)), shape: [1] }],
      ["__proto__", { data: Int8Array.of(5), shape: [1] }],
      ['größe 😀 "quoted" \\ \n', { data: Int8Array.of(-128), shape: [1] }],
      ["bytes", { data: Uint8Array.of(0, 255, 7), shape: [3] }],
      ["mask", { data: Uint8Array.of(1, 0, 1), shape: [3] }],
    ]);
    expect(parseSafetensors(file).metadata).toEqual(new Map([["note", 'ß 😀 "\\\n']]));
  });

  it("all 65,536 patterns of F16 and of BF16, to the bit", () => {
    const patterns = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const [f16, bf16] = (["F16", "BF16"] as const).map((dtype) => {
      const tensor = { name: dtype, dtype, shape: [256, 256], bytes: patterns };
      const { data, shape } = readSafetensors(joinChunks(encodeSafetensors([tensor])))[dtype]!;
      expect(data).toBeInstanceOf(Float32Array);
      expect(shape).toEqual([256, 256]);
      return { data: data as Float32Array, bits: new Uint32Array(data.buffer) };
    });
    for (const pattern of patterns) {
      expect(bf16!.bits[pattern]).toBe(pattern * 65_536);
      const [negative, exponent, mantissa] = [pattern >= 32_768, (pattern >> 10) % 32, pattern % 1024];
      if (exponent < 31) {
        // The definition: the sign, 2 to the exponent less 15, and the mantissa with an implicit 1, or none at exponent 0.
        const magnitude = exponent ? 2 ** (exponent - 15) * (1 + mantissa / 1024) : 2 ** -14 * (mantissa / 1024);
        expect(f16!.data[pattern]).toBe(negative ? -magnitude : magnitude);
      } else {
        expect(f16!.bits[pattern]).toBe((negative ? 0xff800000 : 0x7f800000) + mantissa * 8192);
        expect(f16!.data[pattern]).toBe(mantissa ? NaN : negative ? -Infinity : Infinity);
      }
    }
  });

  it("arrays are views, where they can be", () => {
    const file = fileOf(`{"x":${entry("U8", "1", "8,9")},"a":${entry("F32", "2", "0,8")}}`.padEnd(112), 9);
    const a = readSafetensors(file).a!.data;
    expect(a.buffer).toBe(file.buffer);
    file.set([0, 0, 0, 0x40], 120);
    expect(a[0]).toBe(2);
    // One byte further into its buffer the same file holds no Float32Array.
    const moved = new Uint8Array(file.length + 1).subarray(1);
    moved.set(file);
    const copy = readSafetensors(moved);
    expect(copy.a!.data).toEqual(a);
    expect(copy.a!.data.buffer).not.toBe(moved.buffer);
    expect(copy.a!.data.buffer.byteLength).toBe(8);
    expect(copy.x!.data.buffer).toBe(moved.buffer);
  });

  it("takes the file as a buffer or any view", () => {
    const file = Uint8Array.from(fixture());
    const shared = new Uint8Array(new SharedArrayBuffer(file.length));
    shared.set(file);
    const odd = Buffer.concat([Buffer.of(0), file]).subarray(1);
    const expected = readSafetensors(file);
    for (const given of [file.buffer, shared, shared.buffer, new DataView(file.buffer), Buffer.from(file), odd]) {
      expect(readSafetensors(given)).toEqual(expected);
    }
    const tensor = parseSafetensors(odd).tensors.get("layers.0.weight")!;
    expect(arrayOf(odd, tensor)).toEqual(expected["layers.0.weight"]!.data);
  });

  it("splits names into a tree", () => {
    const file = (...names: string[]) =>
      fileOf(`{${names.map((name, i) => `"${name}":${entry("U8", "1", `${i},${i + 1}`)}`)}}`, names.length);
    const leaf = (byte: number) => ({ data: Uint8Array.of(byte), shape: [1] });
    const tree = readSafetensors(file("layers.0.weight", "layers.1.weight", "head", "layers.0.bias"), {
      separator: ".",
    });
    const layers = { 0: { weight: leaf(0), bias: leaf(3) }, 1: { weight: leaf(1) } };
    expect(tree).toEqual({ layers, head: leaf(2) });
    expect(readSafetensors(file("a/b.c"), { separator: "/" })).toEqual({ a: { "b.c": leaf(0) } });
    expect(readSafetensors(file("a.", "..b"), { separator: "." })).toEqual({
      a: { "": leaf(0) },
      "": { "": { b: leaf(1) } },
    });
  });

  it.each([
    [["a", "a.b"], "a"],
    [["a.b", "a"], "a"],
    [["x", "a.b.c.d", "a.b"], "a.b"],
    [["a.b", "a.b.c.d"], "a.b"],
    [["a.shape", "a.shape.data"], "a.shape"],
  ])("a name that ends where another goes on: %j", (names, prefix) => {
    const file = fileOf(`{${names.map((name) => `"${name}":${entry("U8", "0", "0,0")}`)}}`);
    const message = `"${prefix}" is a tensor, and other names go on from it: read it without a separator`;
    expectError(() => readSafetensors(file, { separator: "." }), CheckpointError, message);
    expect(Object.keys(readSafetensors(file))).toEqual(names);
  });

  it("a name of a million parts", () => {
    const file = fileOf(`{"${".".repeat(1e6)}":${F32}}`, 4);
    let node: unknown = readSafetensors(file, { separator: "." });
    for (let i = 0; i <= 1e6; i++) node = (node as Record<string, unknown>)[""];
    expect((node as { shape: number[] }).shape).toEqual([1]);
  });

  it("refuses other arguments", () => {
    const expected = ", expected an ArrayBuffer or a Uint8Array";
    for (const [given, shown] of [
      ["{}", '"{}"'],
      [null, "null"],
      [Promise.resolve(), "an instance of Promise"],
      [[1, 2], "an array"],
    ]) {
      expectError(() => readSafetensors(given as never), TypeError, `readSafetensors: bytes is ${shown}${expected}`);
    }
    const file = fileOf("{}");
    const unknown = "readSafetensors has no option seperator; did you mean separator? It takes separator";
    expectError(() => readSafetensors(file, { seperator: "." } as never), TypeError, unknown);
    const wrong = "readSafetensors: separator is true, expected a string";
    expectError(() => readSafetensors(file, { separator: true } as never), TypeError, wrong);
  });
});

it("an engine without TextDecoder and TextEncoder reads it", async () => {
  vi.resetModules();
  const file = fixture();
  const expected = readSafetensors(file);
  vi.stubGlobal("TextDecoder", undefined);
  vi.stubGlobal("TextEncoder", undefined);
  try {
    const fresh = await import("../src/safetensors.ts");
    expect(fresh.readSafetensors(file)).toEqual(expected);
  } finally {
    vi.unstubAllGlobals();
  }
});
