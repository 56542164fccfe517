// Checkpoints piece by piece, and the memory that they take.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { adam, chain, type Optimizer, StateError, sgd, stateful } from "../src/index.ts";
import { everythingIn, gradients, stepped } from "./support/checkpoint.ts";
import { numbers, written } from "./support/checkpoint-chains.js";
import { BACKENDS } from "./support/untouched.ts";

const kept = stateful(
  () => ({ sums: Float64Array.of(1, 2), bytes: Uint8Array.of(3) }),
  (updates, state) => [updates, state],
);

/** Whether steps are made, and make what they should. */
function expectToWork(optimizer: Optimizer<never>) {
  const { count } = optimizer;
  expect(optimizer.step(gradients(0) as never)).toBe(true);
  optimizer.update(gradients(1) as never);
  optimizer.apply();
  optimizer.zeroGrads();
  expect(optimizer.count).toBe(count + 2);
  expect(optimizer.save().length).toBeGreaterThan(0);
}

describe.each(BACKENDS)("saveChunks() on %s", (backend) => {
  const make = (update = chain(adam(), kept)) => {
    const optimizer = update.initSync({ w: numbers(5), b: numbers(2) }, { backend }) as unknown as Optimizer<never>;
    for (let step = 0; step < 3; step++) optimizer.step(gradients(step) as never);
    return optimizer;
  };

  it("gives the bytes of save(), for of and for await", async () => {
    const optimizer = make();
    const file = optimizer.save();
    expect(Buffer.concat([...optimizer.saveChunks()]).equals(file)).toBe(true);
    const chunks: Uint8Array[] = [];
    for await (const chunk of optimizer.saveChunks()) chunks.push(chunk.slice());
    expect(Buffer.concat(chunks).equals(file)).toBe(true);
    expect(chunks.every((chunk) => chunk instanceof Uint8Array && chunk.constructor === Uint8Array)).toBe(true);
    expectToWork(optimizer);
  });

  it("copies nothing: behind its header, chunks are views of the planes", () => {
    const optimizer = make(adam());
    const own = new Map<ArrayBufferLike, unknown>();
    for (const tree of [optimizer.params, ...Object.values(optimizer.state[0]!)]) {
      for (const view of Object.values(tree as Record<string, Float32Array>)) own.set(view.buffer, view);
    }
    const [header, ...rest] = [...optimizer.saveChunks()];
    expect(own.has(header!.buffer)).toBe(false);
    expect(rest.length).toBe(6);
    for (const chunk of rest) expect(own.has(chunk.buffer)).toBe(true);
    const { w } = optimizer.params as { w: Float32Array };
    expect(
      rest.some(
        ({ buffer, byteOffset, length }) => buffer === w.buffer && byteOffset === w.byteOffset && length === 20,
      ),
    ).toBe(true);
  });

  it("has the header first, and only one chunk for each tensor, none of them detached", () => {
    const optimizer = make();
    const chunks = [...optimizer.saveChunks()];
    expect(chunks.length).toBe(1 + 6 + 2);
    expect(chunks[0]!.length % 64).toBe(0);
    // The largest elements come first, so that all can be viewed where they lie.
    expect(chunks[1]!.length).toBe(16);
    expect(chunks.at(-1)!.length).toBe(1);
  });

  it("until its end whatever changes the optimizer is a StateError", async () => {
    const optimizer = make(chain(adam()));
    const before = everythingIn(optimizer);
    const file = optimizer.save();
    let refused = 0;
    for (const _chunk of optimizer.saveChunks()) {
      const actions = [
        () => optimizer.step(gradients(0) as never),
        () => optimizer.step(),
        () => optimizer.update(gradients(0) as never),
        () => optimizer.zeroGrads(),
        () => optimizer.swapAverage(),
        () => optimizer.save(),
        () => [...optimizer.saveChunks()],
      ];
      for (const action of actions) expect(action).toThrow(StateError);
      expect(actions[0]).toThrow(/^step\(\) while saveChunks\(\) hands out views/);
      expect(() => optimizer.apply()).toThrow(StateError);
      await expect(optimizer.load(file)).rejects.toThrow(StateError);
      await expect(optimizer.load(file, { only: "params" })).rejects.toThrow(StateError);
      expect(() => adam().initSync({ w: numbers(5) }, { from: optimizer as never })).toThrow(StateError);
      refused++;
    }
    expect(refused).toBe(7);
    expect(everythingIn(optimizer)).toBe(before);
    expectToWork(optimizer);
  });

  it.each(["break", "return", "throw", "a generator's return()", "a generator's throw()", "await and break"])(
    "after %s steps are made again",
    async (how) => {
      const optimizer = make();
      const before = everythingIn(optimizer);
      const leave = () => {
        for (const chunk of optimizer.saveChunks()) {
          if (how === "return") return chunk;
          if (how === "throw") throw new RangeError("the disk is full");
          break;
        }
        return null;
      };
      if (how === "throw") expect(leave).toThrow("the disk is full");
      else if (how.startsWith("a generator")) {
        const chunks = optimizer.saveChunks();
        chunks.next();
        expect(() => optimizer.step(gradients(0) as never)).toThrow(StateError);
        if (how.endsWith("return()")) chunks.return();
        else expect(() => chunks.throw(new RangeError("no"))).toThrow("no");
        expect(chunks.next()).toEqual({ done: true, value: undefined });
      } else if (how.startsWith("await")) {
        for await (const _chunk of optimizer.saveChunks()) break;
      } else leave();
      expect(everythingIn(optimizer)).toBe(before);
      expectToWork(optimizer);
    },
  );

  it("a generator that was never asked, or was asked after the end, holds nothing up", () => {
    const optimizer = make();
    const [unused, used] = [optimizer.saveChunks(), optimizer.saveChunks()];
    expectToWork(optimizer);
    expect(Buffer.concat([...used]).equals(optimizer.save())).toBe(true);
    expect(used.next().done).toBe(true);
    expectToWork(optimizer);
    unused.return();
    expectToWork(optimizer);
  });

  it("in turn: not between update() and apply(), nor after dispose()", () => {
    const optimizer = make();
    optimizer.update(gradients(0) as never);
    expect(() => optimizer.saveChunks().next()).toThrow(/^saveChunks\(\) between update\(\) and apply\(\)/);
    expect(() => optimizer.save()).toThrow(/^save\(\) between update\(\) and apply\(\)/);
    optimizer.apply();
    const chunks = optimizer.saveChunks();
    chunks.next();
    optimizer.dispose();
    expect([...chunks].length).toBeGreaterThan(0);
    expect(() => optimizer.step()).toThrow(/disposed/);
  });

  it("a state that no file can hold is refused before anything is handed out", () => {
    for (const bad of [new Map(), new Date(0), Symbol("s"), () => 1, new DataView(new ArrayBuffer(8)), /x/]) {
      const optimizer = stateful(
        () => ({ a: [bad as unknown] }),
        (updates, state) => [updates, state],
      ).initSync({ w: numbers(5), b: numbers(2) }, { backend });
      const words =
        /^the state of "stateful" holds .*, which a checkpoint cannot: use plain objects, arrays, numbers, strings and typed arrays$/;
      expect(() => optimizer.save()).toThrow(TypeError);
      expect(() => optimizer.save()).toThrow(words);
      expect(() => optimizer.saveChunks().next()).toThrow(words);
      expect(optimizer.step(gradients(0))).toBe(true);
    }
  });

  it("save() is a copy: later steps do not change it", () => {
    const optimizer = make();
    const file = optimizer.save();
    const bytes = written(file);
    expectToWork(optimizer);
    expect(written(file)).toBe(bytes);
    expect(file.buffer.byteLength).toBe(file.length);
  });
});

describe("memory", () => {
  /** Bytes that a process of its own held at most above what it held before `init`. */
  async function peakOf(mode: string): Promise<{ peak: number; planned: number; planes: number; file: number }> {
    const script = fileURLToPath(new URL("support/checkpoint-memory.js", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, mode]);
    return JSON.parse(stdout);
  }
  const SLACK = 40e6;

  it("save() of 100 MB of parameters takes what plan().peaks.save says, within 40 MB", async () => {
    const { peak, planned, planes, file } = await peakOf("save");
    expect([planes, file, planned].map((bytes) => Math.round(bytes / 1e6))).toEqual([200, 100, 300]);
    expect(peak).toBeLessThan(planned + SLACK);
    expect(peak).toBeGreaterThan(planned - SLACK);
  });

  it("saveChunks() takes no more than the planes, within 40 MB", async () => {
    const { peak, planes, file } = await peakOf("saveChunks");
    expect(Math.round(file / 1e6)).toBe(100);
    expect(peak).toBeLessThan(planes + SLACK);
    expect(peak).toBeGreaterThan(planes - SLACK);
  });

  it("restore() takes the file and the planes, within 40 MB", async () => {
    const { peak, planes, file } = await peakOf("restore");
    expect(peak).toBeLessThan(planes + file + SLACK);
  });

  it("the plan's peak of save() is its planes and the file", () => {
    const optimizer = stepped(sgd({ momentum: 0.9 }));
    const plan = sgd({ momentum: 0.9 }).plan({ w: numbers(5), b: numbers(2) });
    const data = [...optimizer.saveChunks()].slice(1).reduce((sum, { length }) => sum + length, 0);
    // Planes are padded to 64 bytes a leaf.
    expect(plan.peaks.save).toBe(plan.bytes + 4 * 64);
    expect(plan.peaks.save).toBeGreaterThanOrEqual(plan.bytes + data);
  });
});
