// Damaged files: each is refused with a CheckpointError, or means what another reader (test/oracle/safetensors.ts) finds
// in it. FC_SEED tries others.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { encodeSafetensors, joinChunks } from "../src/checkpoint/safetensors.ts";
import { parseSafetensors, type SafetensorsFile } from "../src/checkpoint/safetensors-read.ts";
import { CheckpointError } from "../src/errors.ts";
import { readSafetensors } from "../src/safetensors.ts";
import { type Meaning, meaningOf } from "./oracle/safetensors.ts";
import { entry, fileOf, mutate, randomFrom } from "./support/safetensors.ts";

const small = fileOf(`{"a":${entry("F32", "1", "0,4")}}`, 4);
const several = fileOf(
  `{"__metadata__":{"format":"pt","k":"\\u0061, \\"b\\": 1"}, "a" : ${entry("F32", "2,1", "0,8")},
    "b.c":${entry("F16", "", "8,10")},"\\u0062.d":${entry("BF16", "2", "10,14")},"é":${entry("I64", "0,3", "14,14")},
    "b.e":${entry("BOOL", "2", "14,16")}}   `,
  16,
);
const python = Uint8Array.from(readFileSync(new URL("./fixtures/python-0.8.0.safetensors", import.meta.url)));
const large = joinChunks(
  encodeSafetensors(
    Array.from({ length: 120 }, (_, i) => {
      const shape = [i % 5, 7];
      const bytes = Float32Array.from({ length: shape[0]! * 7 }, (_, k) => k / (i + 1));
      return { name: `layers.${i}.self_attention.${i % 2 ? "weight" : "bias"}`, dtype: "F32", shape, bytes };
    }),
    { note: "x".repeat(300) },
  ),
);

/** What was read, in the oracle's form. */
const meaningIn = ({ metadata, tensors }: SafetensorsFile, file: Uint8Array): Meaning => ({
  metadata: [...metadata],
  tensors: [...tensors].map(([name, { dtype, shape, begin, end }]) => {
    return [name, { dtype, shape: [...shape], data: Buffer.from(file.subarray(begin, end)).toString("hex") }];
  }),
});

const sorted = ({ metadata, tensors }: Meaning) => JSON.stringify([[...metadata].sort(), [...tensors].sort()]);

/** The result, or the message of the CheckpointError; any other error goes on. */
function attempt<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.constructor !== CheckpointError) throw error;
    return error.message;
  }
}

it.each([
  ["of one tensor", 5000, small],
  ["of several", 5000, several],
  ["written by Python", 3000, python],
  ["of 120 tensors", 1000, large],
])("a file %s, damaged in %i ways", (_, count, file) => {
  const prototype = Object.getOwnPropertyNames(Object.prototype);
  expect(meaningOf(file)).not.toBe(null);
  const first = Number(process.env.FC_SEED ?? 20_240_901);
  const messages = new Set<string>();
  let [read, refused] = [0, 0];
  for (let seed = first; seed < first + count; seed++) {
    const mutated = mutate(file, randomFrom(seed));
    const expected = meaningOf(mutated);
    const where = `FC_SEED=${seed}`;
    try {
      const found = attempt(() => parseSafetensors(mutated));
      const flat = attempt(() => readSafetensors(mutated));
      const tree = attempt(() => readSafetensors(mutated, { separator: "." }));
      if (typeof found === "string") {
        expect([where, expected, flat, tree]).toEqual([where, null, found, found]);
        expect(found.length, where).toBeLessThan(1000);
        messages.add(found.replace(/".*"|\d+/g, "_"));
        refused++;
      } else {
        expect(sorted(meaningIn(found, mutated)), where).toBe(expected && sorted(expected));
        expect(new Set(Object.keys(flat)), where).toEqual(new Set(found.tensors.keys()));
        if (typeof tree === "string") expect(tree, where).toMatch(/go on from it/);
        read++;
      }
    } catch (error) {
      throw new Error(`${where}: ${error}`, { cause: error });
    }
  }
  expect(read).toBeGreaterThan(count / 50);
  expect(refused).toBeGreaterThan(count / 3);
  expect(messages.size).toBeGreaterThan(15);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype);
  expect("polluted" in {}).toBe(false);
});
