// Each way in which a safetensors file can be damaged, with its message. (safetensors-fuzz.test.ts: by chance.)

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseSafetensors } from "../src/checkpoint/safetensors-read.ts";
import { CheckpointError } from "../src/errors.ts";
import { readSafetensors } from "../src/safetensors.ts";
import { meaningOf } from "./oracle/safetensors.ts";
import { entry, fileOf } from "./support/safetensors.ts";
import { expectError } from "./support/untouched.ts";

const F32 = entry("F32", "1", "0,4");
const HEADER = `{"a":${F32}}`;
const known = "F64, I64, U64, F32, I32, U32, I16, U16, F16, BF16, I8, U8, BOOL";
const fields = "expected dtype, shape and data_offsets";

describe("a damaged file is refused", () => {
  it.each<[message: string, file: Uint8Array]>([
    ["the file has 0 bytes, expected at least 8: is it cut off?", new Uint8Array(0)],
    ["the file has 7 bytes, expected at least 8: is it cut off?", new Uint8Array(7)],
    ["the header ends at byte 62, the file at byte 61: is it cut off?", fileOf(HEADER, 0).slice(0, -1)],
    ["the header ends at byte 100000008, the file at byte 10: is it cut off?", fileOf("{}", 0, 100_000_000)],
    ...[100_000_001n, 2n ** 32n + 2n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n].map((length): [string, Uint8Array] => [
      `the first 8 bytes promise a header of ${length} bytes, expected at most 100000000: is it a safetensors file?`,
      fileOf("{}", 0, length),
    ]),
    ['tensor "a" ends at byte 66, the file at byte 65: is it cut off?', fileOf(HEADER, 3)],
    ["the file ends at byte 67: the bytes from 66 on belong to no tensor", fileOf(HEADER, 5)],
    ["the file ends at byte 11: the bytes from 10 on belong to no tensor", fileOf("{}", 1)],

    ['the header ends, expected "{", at byte 8', fileOf("")],
    ['the header ends, expected "{", at byte 10', fileOf(" \n")],
    ['the header has "[", expected "{", at byte 8', fileOf("[]")],
    ['the header has "n", expected "{", at byte 8', fileOf("null")],
    ['the header has byte 239, expected "{", at byte 8', fileOf(`\ufeff${HEADER}`, 4)],
    ['the header has "x", expected its end, at byte 11', fileOf("{} x")],
    ["the header has byte 0, expected its end, at byte 10", fileOf("{}\0")],
    ['the header ends, expected "," or "}", at byte 61', fileOf(HEADER.slice(0, -1), 4)],
    ['the header has "\'", expected a string, at byte 9', fileOf("{'a':1}")],
    ['the header has "}", expected a string, at byte 62', fileOf(`{"a":${F32},}`, 4)],
    ['the header has "}", expected ":", at byte 12', fileOf('{"a"}')],
    ['tensor "a" has "[", expected "{", at byte 13', fileOf('{"a":["F32",[1],[0,4]]}', 4)],
    ['tensor "a" has "1", expected "{", at byte 13', fileOf('{"a":1}')],
    ["the header has a string without an end, at byte 9", fileOf('{"a')],
    ["the header has a string without an end, at byte 9", fileOf('{"a\\"')],
    ["the header has a string that is not JSON, at byte 9", fileOf('{"\\x":1}')],
    ["the header has a string that is not JSON, at byte 9", fileOf('{"a\nb":1}')],
    ["the header has a string that is not UTF-8, at byte 9", fileOf(Uint8Array.of(123, 34, 255, 34, 58, 49, 125))],
    ["the header has a string with a lone surrogate, at byte 9", fileOf(`{"\\ud800":${F32}}`, 4)],

    ['the header has "a" twice, at byte 62', fileOf(`{"a":${F32},"a":${F32}}`, 4)],
    ['the header has "a" twice, at byte 62', fileOf(`{"a":${F32},"\\u0061":${F32}}`, 4)],
    ['the header has "__metadata__" twice, at byte 27', fileOf('{"__metadata__":{},"__metadata__":{}}')],
    ['__metadata__ has "k" twice, at byte 33', fileOf('{"__metadata__":{"k":"v","k":"v"}}')],
    ['__metadata__ has "1", expected a string, at byte 29', fileOf('{"__metadata__":{"k":1}}')],
    ['__metadata__ has "n", expected "{", at byte 24', fileOf('{"__metadata__":null}')],
    ['__metadata__ has "[", expected a string, at byte 47', fileOf(`{"__metadata__":${F32}}`)],
    ['tensor "a" has "dtype" twice, at byte 28', fileOf('{"a":{"dtype":"F32","\\u0064type":"F32"}}')],
    [`tensor "a" has the field "b", ${fields}, at byte 28`, fileOf('{"a":{"dtype":"F32","b":1}}')],
    [`tensor "a" has the field "__proto__", ${fields}, at byte 14`, fileOf('{"a":{"__proto__":{}}}')],
    ['tensor "a" has no dtype', fileOf('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4)],
    ['tensor "a" has no shape', fileOf('{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4)],
    ['tensor "a" has no data_offsets', fileOf('{"a":{"dtype":"F32","shape":[1]}}', 4)],

    [`tensor "a" has dtype "f32", expected one of ${known}`, fileOf(`{"a":${entry("f32", "1", "0,4")}}`, 4)],
    [`tensor "a" has dtype "F8_E4M3", expected one of ${known}`, fileOf(`{"a":${entry("F8_E4M3", "4", "0,4")}}`, 4)],
    [`tensor "a" has dtype "", expected one of ${known}`, fileOf(`{"a":${entry("", "4", "0,4")}}`, 4)],
    [`tensor "a" has dtype "toString", expected one of ${known}`, fileOf(`{"a":${entry("toString", "4", "0,4")}}`, 4)],
    ['tensor "a" has "3", expected a string, at byte 22', fileOf('{"a":{"dtype":32}}')],
    ['tensor "a" has "-", expected an integer >= 0, at byte 37', fileOf(`{"a":${entry("F32", "-1", "0,4")}}`, 4)],
    ['tensor "a" has ".", expected "," or "]", at byte 38', fileOf(`{"a":${entry("F32", "1.0", "0,4")}}`, 4)],
    ['tensor "a" has "e", expected "," or "]", at byte 38', fileOf(`{"a":${entry("F32", "1e0", "0,4")}}`, 4)],
    ['tensor "a" has "1", expected "," or "]", at byte 38', fileOf(`{"a":${entry("F32", "01", "0,4")}}`, 4)],
    ['tensor "a" has "n", expected an integer >= 0, at byte 37', fileOf(`{"a":${entry("F32", "null", "0,4")}}`, 4)],
    ['tensor "a" has "\\"", expected an integer >= 0, at byte 37', fileOf(`{"a":${entry("F32", '"1"', "0,4")}}`, 4)],
    ['tensor "a" has "[", expected an integer >= 0, at byte 37', fileOf(`{"a":${entry("F32", "[1]", "0,4")}}`, 4)],
    [
      'tensor "a" has an integer above 2^53 - 1, at byte 37',
      fileOf(`{"a":${entry("F32", "9007199254740992", "0,4")}}`, 4),
    ],
    [
      'tensor "a" has shape [9007199254740991]: more elements than can be counted',
      fileOf(`{"a":${entry("F32", "9007199254740991", "0,4")}}`, 4),
    ],
    [
      'tensor "a" has shape [4294967296, 4294967296, 0]: more elements than can be counted',
      fileOf(`{"a":${entry("U8", "4294967296,4294967296,0", "0,0")}}`),
    ],
    [
      'tensor "a" has data_offsets [0, 4]: 4 bytes, expected 68719476736 for F32 [131072, 131072]',
      fileOf(`{"a":${entry("F32", "131072,131072", "0,4")}}`, 4),
    ],
    [
      'tensor "a" has data_offsets [0, 4]: 4 bytes, expected 0 for F32 [0]',
      fileOf(`{"a":${entry("F32", "0", "0,4")}}`),
    ],
    [
      'tensor "a" has data_offsets [0, 4, 4], expected [begin, end] with begin <= end',
      fileOf(`{"a":${entry("F32", "1", "0,4,4")}}`, 4),
    ],
    [
      'tensor "a" has data_offsets [], expected [begin, end] with begin <= end',
      fileOf(`{"a":${entry("F32", "1", "")}}`, 4),
    ],
    [
      'tensor "a" has data_offsets [4, 0], expected [begin, end] with begin <= end',
      fileOf(`{"a":${entry("F32", "1", "4,0")}}`, 4),
    ],
    [
      `tensor "a" has data_offsets [${"1, ".repeat(16)}…], expected [begin, end] with begin <= end`,
      fileOf(`{"a":${entry("F32", "1", `${"1,".repeat(5000)}1`)}}`, 4),
    ],

    [
      'tensor "a" begins at byte 66: the bytes from 62 on belong to no tensor',
      fileOf(`{"a":${entry("F32", "1", "4,8")}}`, 8),
    ],
    [
      'tensor "a" begins at byte 9007199254741012: the bytes from 92 on belong to no tensor',
      fileOf(`{"a":${entry("F32", "1", "9007199254740921,9007199254740925")}}`, 8),
    ],
    [
      'tensor "b" begins at byte 124: the bytes from 120 on belong to no tensor',
      fileOf(`{"b":${entry("F32", "1", "8,12")},"a":${F32}}`, 12),
    ],
    ['tensor "b" begins at byte 115, before tensor "a" ends at byte 119', fileOf(`{"a":${F32},"b":${F32}}`, 4)],
    [
      'tensor "b" begins at byte 117, before tensor "a" ends at byte 119',
      fileOf(`{"b":${entry("F32", "0", "2,2")},"a":${F32}}`, 4),
    ],
    [`tensor ${JSON.stringify(`${"n".repeat(200)}…`)} has no dtype`, fileOf(`{"${"n".repeat(100_000)}":{}}`)],
  ])("%s", (message, file) => {
    for (const read of [parseSafetensors, readSafetensors]) expectError(() => read(file), CheckpointError, message);
    expect(meaningOf(file)).toBe(null);
  });

  it("a file cut off anywhere", () => {
    const file = Uint8Array.from(readFileSync(new URL("./fixtures/python-0.8.0.safetensors", import.meta.url)));
    for (let length = 0; length < file.length; length++) {
      expectError(() => readSafetensors(file.subarray(0, length)), CheckpointError, /is it cut off\?$/);
    }
  });

  it("the error is one of its own, and says its name", () => {
    const refused = () => readSafetensors(new Uint8Array(3));
    expect(refused).toThrow(expect.objectContaining({ name: "CheckpointError" }));
  });

  it("nothing is allocated for what a header promises", () => {
    const promises = [2 ** 31, 2 ** 40, 2 ** 51].flatMap((bytes) => [
      fileOf(`{"a":${entry("F16", `${bytes / 2}`, `0,${bytes}`)}}`, 4),
      fileOf(`{"a":${entry("U8", `${bytes}`, `1,${bytes + 1}`)}}`, 4),
      fileOf("{}", 0, bytes),
    ]);
    const before = process.memoryUsage().arrayBuffers;
    for (const file of promises) expect(() => readSafetensors(file)).toThrow(CheckpointError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });
});
