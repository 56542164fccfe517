// Files of this library against the format's own, which is Python's. Fails where that is not there:
//
//     python3 -m venv build/python && build/python/bin/pip install safetensors==0.8.0 numpy==2.4.6
//     LANESTEP_PYTHON=build/python/bin/python npx vitest run --config test/python/vitest.config.ts

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { bytesOf, type Dtype, encodeName, encodeSafetensors, joinChunks } from "../../src/checkpoint/safetensors.ts";
import { parseSafetensors, STORAGE } from "../../src/checkpoint/safetensors-read.ts";
import { CheckpointError } from "../../src/errors.ts";
import { accumulate, adam, freeze, partition } from "../../src/index.ts";
import { readSafetensors } from "../../src/safetensors.ts";
import { entry, fileOf, mutate, type Random, randomFrom } from "../support/safetensors.ts";

/** What read.py prints of a file. */
interface Answer {
  readonly error?: string;
  readonly metadata: Record<string, string>;
  /** `values`: of F16 and BF16, the float32 numbers. */
  readonly tensors: Record<string, { dtype: string; shape: number[]; data: string; values: string | null }>;
}

const script = fileURLToPath(new URL("read.py", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

function readWithPython(files: readonly Uint8Array[]): Answer[] {
  const python = process.env.LANESTEP_PYTHON;
  if (!python) throw new Error("LANESTEP_PYTHON is not set: give it an interpreter that has safetensors and numpy");
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  files.forEach((file, i) => {
    writeFileSync(join(folder, `${i}`.padStart(6, "0")), file);
  });
  const lines = execFileSync(python, [script, folder], { encoding: "utf8", maxBuffer: 2 ** 30 })
    .trim()
    .split("\n");
  expect(lines.length).toBe(files.length);
  return lines.map((line) => JSON.parse(line));
}

const hex = (data: ArrayBufferView) => Buffer.from(bytesOf(data)).toString("hex");

/** A file in the form of an answer. */
function answerOf(file: Uint8Array): Answer {
  const { metadata, tensors } = parseSafetensors(file);
  const weights = readSafetensors(file);
  const entries = [...tensors].map(([name, { dtype, shape, begin, end }]) => {
    const values = dtype === "F16" || dtype === "BF16" ? hex(weights[name]!.data) : null;
    return [name, { dtype, shape, data: hex(file.subarray(begin, end)), values }] as const;
  });
  return { tensors: Object.fromEntries(entries), metadata: Object.fromEntries(metadata) } as unknown as Answer;
}

const dtypes = Object.keys(STORAGE) as Dtype[];
const first = Number(process.env.FC_SEED ?? 20_240_901);

/** Any file, with names and metadata that JSON or JavaScript might take for something else. */
function anyFile(random: Random): Uint8Array {
  const alphabet = [
    "a",
    "0",
    "~",
    "u",
    "/",
    ".",
    '"',
    "\\",
    "\n",
    "\0",
    "\x7f",
    "ü",
    "😀",
    "\ud800",
    "\udc00",
    "\u2028",
  ];
  const text = () => Array.from({ length: random(6) }, () => alphabet[random(alphabet.length)]).join("");
  const names = new Set(Array.from({ length: random(9) }, text));
  if (random(4) === 0) names.add("__metadata__").add("__proto__");
  const tensors = [...names].map((name) => {
    const dtype = dtypes[random(dtypes.length)]!;
    const shape = Array.from({ length: random(4) }, () => random(4));
    const length = shape.reduce((size, axis) => size * axis, STORAGE[dtype].BYTES_PER_ELEMENT);
    return { name, dtype, shape, bytes: Uint8Array.from({ length }, () => random(256)) };
  });
  const metadata = Object.fromEntries(
    Array.from({ length: random(4) }, () => [encodeName(text()), encodeName(text())]),
  );
  return joinChunks(encodeSafetensors(tensors, metadata));
}

/** Bits of a float32 NaN may change where another library's number passes through a register. */
const withoutPayloads = (answer: Answer): Answer => {
  const tensors = Object.entries(answer.tensors).map(([name, tensor]) => {
    const numbers = new Float32Array(Uint8Array.from(Buffer.from(tensor.values ?? "", "hex")).buffer);
    return [
      name,
      { ...tensor, values: tensor.values === null ? null : hex(numbers.map((x) => (Number.isNaN(x) ? NaN : x))) },
    ];
  });
  return { ...answer, tensors: Object.fromEntries(tensors) };
};

it("2,000 files written here are read there", () => {
  const files = Array.from({ length: 2000 }, (_, i) => anyFile(randomFrom(first + i)));
  readWithPython(files).forEach((answer, i) => {
    expect(answer.error, `FC_SEED=${first + i}`).toBe(undefined);
    expect(withoutPayloads(answer), `FC_SEED=${first + i}`).toEqual(withoutPayloads(answerOf(files[i]!)));
  });
});

it("a checkpoint is read there: tensors by name and shape, their numbers, and what it says of itself", () => {
  const kernel = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] };
  const params = { dense: { kernel, bias: Float32Array.of(0.5) }, "a/b~": 7, "\ud800": [kernel] };
  const groups = { x: adam(), y: freeze() };
  const update = accumulate(
    partition(groups, (path) => (path.startsWith("dense") ? "x" : "y")),
    { every: 2 },
  );
  const optimizer = update.initSync(params);
  for (let step = 0; step < 3; step++) optimizer.step({ dense: { kernel, bias: Float32Array.of(1) } });
  const file = optimizer.save({ metadata: { note: "grüße" } });
  const [answer] = readWithPython([file]);
  expect(withoutPayloads(answer!)).toEqual(withoutPayloads(answerOf(file)));
  const { tensors, metadata } = answer!;
  expect(Object.keys(tensors).sort()).toEqual([
    "params/a~1b~0",
    "params/dense/bias",
    "params/dense/kernel",
    "params/~ud800/0",
    "state/accumulate/sum/dense/bias",
    "state/accumulate/sum/dense/kernel",
    "state/partition/x/scaleByAdam/mu/dense/bias",
    "state/partition/x/scaleByAdam/mu/dense/kernel",
    "state/partition/x/scaleByAdam/nu/dense/bias",
    "state/partition/x/scaleByAdam/nu/dense/kernel",
  ]);
  expect(tensors["params/dense/kernel"]).toMatchObject({ dtype: "F32", shape: [2, 3] });
  expect(metadata.note).toBe("grüße");
  expect(JSON.parse(metadata.host!)).toMatchObject({ count: 1, counts: [3, 1, 0, 0, 0, 0] });
  expect(JSON.parse(metadata.chain!)[0]).toEqual(["accumulate", { every: 2, mean: true }]);
});

it("all patterns of F16 and BF16 are the same numbers there", () => {
  const bytes = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const tensors = (["F16", "BF16"] as const).map((dtype) => ({ name: dtype, dtype, shape: [65_536], bytes }));
  const file = joinChunks(encodeSafetensors(tensors));
  const [answer] = readWithPython([file]);
  expect(withoutPayloads(answer!)).toEqual(withoutPayloads(answerOf(file)));
});

it("the fixture is read there as here", () => {
  const file = Uint8Array.from(readFileSync(new URL("../fixtures/python-0.8.0.safetensors", import.meta.url)));
  const [answer] = readWithPython([file]);
  expect(withoutPayloads(answer!)).toEqual(withoutPayloads(answerOf(file)));
});

/** What is refused here and read there: the format forbids the first two, has no words for the next, and others need it. */
const STRICTER =
  /twice, at byte|has the field|__metadata__ has "n"|has dtype "(F[468]|C64)|above 2\^53|more elements than|has "\[", expected "\{"/;

it("12,000 damaged files: what is read here is read there, and is the same", () => {
  const several = fileOf(
    `{"__metadata__":{"k":"v"},"a":${entry("F32", "2,1", "0,8")},"b.c":${entry("F16", "", "8,10")},` +
      `"b.d":${entry("BF16", "2", "10,14")},"é":${entry("I64", "0,3", "14,14")},"b.e":${entry("BOOL", "2", "14,16")}}`,
    16,
  );
  const files = Array.from({ length: 12_000 }, (_, i) => mutate(several, randomFrom(first + i)));
  let [read, refused, stricter] = [0, 0, 0];
  readWithPython(files).forEach((answer, i) => {
    const where = `FC_SEED=${first + i}`;
    let here: Answer | CheckpointError;
    try {
      here = answerOf(files[i]!);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      here = error;
    }
    if (!(here instanceof CheckpointError)) {
      read++;
      expect({ where, ...withoutPayloads(answer) }).toEqual({ where, ...withoutPayloads(here) });
    } else if (answer.error) {
      refused++;
    } else {
      stricter++;
      expect(`${where}: ${here.message}`).toMatch(STRICTER);
    }
  });
  console.log(`${read} read by both, ${refused} refused by both, ${stricter} refused here alone`);
  expect(Math.min(read, refused)).toBeGreaterThan(500);
});
