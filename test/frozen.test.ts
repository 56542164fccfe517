// Memory and groups: where state is, what lies beside it, what frozen leaves need, what a user's rule sees of others.

import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { encoderAndHead, encoderAndHeadGradients, of, wave } from "./support/models.ts";
import { BACKENDS, bitsIn, everythingIn, expectError, expectRefusal } from "./support/untouched.ts";

const { adam, addDecayedWeights, addNoise, centralize, chain, clipByGlobalNorm, freeze, partition } = lanestep;
const { scale, scaleByAdam, scaleByTrustRatio, sgd, stateful, stateless, trace } = lanestep;
const { TreeMismatchError } = lanestep;

const rate = (learningRate: number) => sgd({ learningRate });
type Any = lanestep.Optimizer<unknown>;
/** Bytes of all planes of a plane's name. */
const bytesOf = (optimizer: unknown, id: "params" | "grads" | number): number =>
  (optimizer as Any).internals.engine.spans(id).reduce((sum, { byteLength }) => sum + byteLength, 0);

describe.each(BACKENDS)("state and memory, on %s", (backend) => {
  const update = () =>
    chain(
      trace(),
      partition({ adam: adam(), sgd: sgd({ learningRate: 0.1, momentum: 0.9 }), off: freeze() }, (path) =>
        path.startsWith("encoder") ? "adam" : path === "head/bias" ? "sgd" : "off",
      ),
    );
  const make = () => update().initSync(encoderAndHead(), { backend });

  it("a rule has state for its leaves alone", () => {
    const optimizer = make();
    const shape = (tree: unknown): unknown =>
      tree instanceof Float32Array
        ? tree.length
        : Object.fromEntries(Object.entries(tree as object).map(([k, v]) => [k, shape(v)]));
    const encoder = { bias: 3, kernel: 6 };
    expect(shape(optimizer.state)).toEqual({
      0: { trace: { encoder, head: { bias: 2 } } },
      1: {
        adam: { 0: { mu: { encoder }, nu: { encoder } }, 1: {} },
        sgd: { 0: { trace: { head: { bias: 2 } } }, 1: {} },
        off: { 0: {} },
      },
    });
    expect(optimizer.snapshot("state")).toEqual(optimizer.state);
    expect(shape(optimizer.grads)).toEqual({ encoder, head: { bias: 2 } });
  });

  it("planes are as large as the groups that want them, on lines of 64 bytes", () => {
    const optimizer = make();
    const names = optimizer.internals.program.slots.map(({ rule, name }) => `${rule} ${name}`);
    expect(names).toEqual(["0 trace", "2 mu", "2 nu", "4 trace"]);
    // Lines: encoder 2, head/bias 1, head/kernel 1, which is frozen.
    expect([bytesOf(optimizer, "params"), bytesOf(optimizer, "grads")]).toEqual([4 * 64, 3 * 64]);
    expect(names.map((_, slot) => bytesOf(optimizer, slot))).toEqual([3 * 64, 2 * 64, 2 * 64, 64]);
  });

  it("the leaves of a group lie side by side, in order of their paths", () => {
    const tree = { a: of(1), b: of(1), c: of(1), d: of(1), e: of(1) };
    const labels = { a: "y", b: "x", c: "y", d: "off", e: "x" } as const;
    const optimizer = partition({ x: rate(1), y: rate(2), off: freeze() }, labels).initSync(tree, { backend });
    const { layout } = optimizer.internals.program;
    expect(layout.groups.map(({ leaves }) => leaves.map(({ path }) => path))).toEqual([["b", "e"], ["a", "c"], ["d"]]);
    expect(layout.leaves.map(({ path }) => path)).toEqual(["a", "b", "c", "d", "e"]);
    for (const { leaves, begin, end } of layout.groups) {
      expect(leaves.map(({ offset }) => offset)).toEqual(leaves.map((_, i) => begin + 16 * i));
      expect(end - begin).toBe(16 * leaves.length);
    }
  });

  it("what lies beside a group, behind it and between its leaves is neither read nor written", () => {
    const optimizer = make();
    const { engine, views, program } = optimizer.internals;
    const planes = ["params", "grads", ...program.slots.keys()] as const;
    const before = everythingIn(make());
    const mark = new Float32Array(Uint32Array.of(0x7fc12345).buffer)[0]!; // a NaN of its own
    const kept = planes.map((id) => views.leaves(id).map((leaf) => leaf?.slice()));
    for (const id of planes)
      for (const span of engine.spans(id)) new Int32Array(span.buffer, span.byteOffset, span.length).fill(0x7fc12345);
    expect(mark).toBeNaN();
    planes.forEach((id, k) => {
      views.leaves(id).forEach((leaf, i) => {
        leaf?.set(kept[k]![i]!);
      });
    });
    expect(everythingIn(optimizer)).toEqual(before);
    const other = make();
    const { head } = optimizer.params;
    const frozen = head.kernel.slice();
    head.kernel.fill(NaN);
    for (let step = 1; step <= 64; step++) {
      optimizer.step(encoderAndHeadGradients(step));
      other.step(encoderAndHeadGradients(step));
    }
    expect([...head.kernel].every(Number.isNaN)).toBe(true);
    head.kernel.set(frozen);
    expect(everythingIn(optimizer)).toEqual(everythingIn(other));
  });

  if (backend === "wasm")
    it("neighbours in a memory that small ones share keep every bit", () => {
      const tree = {
        a: wave(17),
        b: { data: wave(12), shape: [3, 4] },
        c: 0.5,
        none: new Float32Array(0),
        off: wave(33),
      };
      const labels = (path: string) => (path === "off" ? "off" : path === "b" ? "b" : "rest");
      const inner = {
        b: chain(centralize(), lanestep.accumulate(lanestep.lookahead(adam(), { every: 2 }), { every: 2 })),
        rest: chain(
          clipByGlobalNorm(),
          addNoise(),
          scaleByTrustRatio(),
          sgd({ momentum: 0.9 }),
          lanestep.averageParams(),
        ),
        off: freeze(),
      };
      const sentinel = () => sgd().initSync({ w: { shape: [64] } }, { backend });
      const [before, optimizer, after] = [sentinel(), partition(inner, labels).initSync(tree, { backend }), sentinel()];
      const buffers = [before, optimizer, after].map(({ internals }) => internals.engine.spans("params")[0]!.buffer);
      expect(new Set(buffers).size).toBe(1);
      const spans = [before, after].flatMap(({ internals: { engine } }) => [
        ...engine.spans("params"),
        ...engine.spans("grads"),
      ]);
      for (const span of spans) span.fill(NaN);
      const bits = spans.map((span) => new Int32Array(span.buffer, span.byteOffset, span.length).slice());
      for (let step = 0; step < 66; step++) optimizer.step({ ...tree, a: wave(17, step), off: null as never });
      expect(optimizer.params.a.every(Number.isFinite)).toBe(true);
      spans.forEach((span, i) => {
        expect(new Int32Array(span.buffer, span.byteOffset, span.length)).toEqual(bits[i]);
      });
    });
});

describe.each(BACKENDS)("frozen leaves, on %s", (backend) => {
  const update = () =>
    partition({ on: chain(scaleByAdam(), scale(-0.1)), off: freeze() }, { encoder: "off", head: "on" });
  const make = () => update().initSync(encoderAndHead(), { backend });
  const { head } = encoderAndHeadGradients(1);

  it.each<[words: string, given: unknown]>([
    ["absent", { head }],
    ["null", { encoder: null, head }],
    ["undefined", { encoder: undefined, head }],
    ["in part", { encoder: { bias: null }, head }],
    ["there", { encoder: { kernel: new Float32Array(6).fill(NaN), bias: wave(3) }, head }],
  ])("gradients may be %s", (_words, given) => {
    const optimizer = make();
    const before = bitsIn(optimizer.params.encoder);
    expect(optimizer.step(given as never)).toBe(true);
    optimizer.update(given as never);
    optimizer.apply();
    expect(bitsIn(optimizer.params.encoder)).toEqual(before);
    expect(optimizer.params.head.kernel.every(Number.isFinite)).toBe(true);
    expect(optimizer.params.head.bias).not.toEqual(wave(2, 3));
  });

  it("others must be there, and no others", () => {
    const optimizer = make();
    const refused = (given: unknown, message: string) =>
      expectRefusal(optimizer, () => optimizer.step(given as never), TreeMismatchError, message);
    refused({ head: { kernel: head.kernel } }, '"grads.head.bias" is missing');
    refused({ encoder: null }, '"grads.head" is missing');
    refused({ encoder: { weight: 1 }, head }, '"grads.encoder.weight" is not among the parameters');
    refused({ encoder: { kernel: of(1) }, head }, '"grads.encoder.kernel" has 1 elements, expected 6 (shape 2×3)');
    expect(() => optimizer.step({ head: { ...head, bias: null } } as never)).toThrow(
      /"grads\.head\.bias" is (null|missing)/,
    );
  });

  it("have no gradients; update() gives zeros for them; state and snapshots leave them out", () => {
    const optimizer = make();
    expect(Object.keys(optimizer.grads)).toEqual(["head"]);
    const updates = optimizer.update({ head } as never);
    expect(updates.encoder).toEqual({ kernel: new Float32Array(6), bias: new Float32Array(3) });
    expect(updates.head).toEqual(optimizer.grads.head);
    optimizer.apply();
    expect(Object.keys(optimizer.snapshot("grads"))).toEqual(["head"]);
    expect(Object.keys(optimizer.params)).toEqual(["encoder", "head"]);
    const tree = {
      encoder: { kernel: new Float32Array(6), bias: new Float32Array(3) },
      head: { kernel: new Float32Array(8), bias: new Float32Array(2) },
    };
    optimizer.writeTo(tree);
    expect(tree).toEqual(optimizer.snapshot("params"));
  });

  it("in lists: gradients have null in their place", () => {
    const optimizer = partition({ on: rate(1), off: freeze() }, ["off", "on"]).initSync([of(1), of(1)], { backend });
    expect(optimizer.grads).toEqual([null, of(0)]);
    optimizer.step([null as never, of(1)]);
    expect(optimizer.params).toEqual([of(1), of(0)]);
    optimizer.step(optimizer.grads as never);
    expect(optimizer.params).toEqual([of(1), of(-1)]);
  });

  it("whatever stands around: no decay, no noise, no average; in the functional form zeros", async () => {
    const frozen = partition({ on: rate(1), off: freeze() }, { a: "off", b: "on" });
    const around = chain(
      addDecayedWeights({ decay: 1 }),
      frozen,
      addNoise(),
      addDecayedWeights({ decay: 1 }),
      lanestep.averageParams(),
    );
    const optimizer = around.initSync({ a: of(2), b: of(2) }, { backend });
    for (let step = 0; step < 3; step++) optimizer.step({ b: of(1) } as never);
    expect(optimizer.params.a).toEqual(of(2));
    optimizer.swapAverage();
    expect(optimizer.params.a).toEqual(of(2));
    const { init, update } = lanestep.functional(frozen, { backend });
    const [updates] = update({ b: of(1) } as never, await init({ a: of(2), b: of(2) }), { a: of(2), b: of(2) });
    expect(updates).toEqual({ a: of(0), b: of(-1) });
  });

  it("all of them: steps do nothing", () => {
    const optimizer = freeze().initSync({ a: of(1), b: [of(2)] }, { backend });
    optimizer.step({} as never);
    optimizer.step();
    optimizer.update(null as never);
    optimizer.apply();
    expect([optimizer.params, optimizer.grads, optimizer.state]).toEqual([{ a: of(1), b: [of(2)] }, {}, [{}]]);
    expect([bytesOf(optimizer, "params"), bytesOf(optimizer, "grads")]).toEqual([128, 0]);
  });
});

describe.each(BACKENDS)("a user's rule in a group, on %s", (backend) => {
  type Tree = Record<string, Float32Array>;
  const tree = () => ({ a: of(1), b: of(1), c: of(1) });
  const labels = { a: "a", b: "b", c: "c" } as const;

  it("sees its own leaves, of updates and parameters", () => {
    const seen: unknown[] = [];
    const rule = stateful<Tree, { init: string[]; calls: number }>(
      (params) => ({ init: Object.keys(params), calls: 0 }),
      (updates, state, params) => {
        seen.push([structuredClone({ ...updates }), structuredClone({ ...params })]);
        return [{ b: updates.b!.map((x) => 10 * x) }, { ...state, calls: state.calls + 1 }];
      },
    );
    const update = partition({ a: rate(1), b: chain(scale(-1), rule), c: freeze() }, labels);
    const optimizer = update.initSync(tree(), { backend });
    optimizer.step({ a: of(2), b: of(2), c: of(2) });
    expect(seen).toEqual([[{ b: of(-2) }, { b: of(1) }]]);
    expect(optimizer.params).toEqual({ a: of(-1), b: of(-19), c: of(1) });
    expect(optimizer.state).toEqual([{ a: [{}], b: [{}, { init: ["b"], calls: 1 }], c: [{}] }]);
  });

  it("must give its own leaves and no others", () => {
    const run = (result: (updates: Tree) => unknown) => () =>
      partition({ a: adam(), b: stateless<Tree>(result), c: freeze() }, labels)
        .initSync(tree(), { backend })
        .step({ a: of(2), b: of(2) } as never);
    expectError(
      run(() => ({})),
      TreeMismatchError,
      '"updates.b" is missing',
    );
    expectError(
      run(({ b }) => ({ b, d: b! })),
      TreeMismatchError,
      '"updates.d" is not among the parameters',
    );
  });

  it.each(["a", "b", "c"] as const)("one that throws in group %s: nothing has happened in any other", (throwing) => {
    let fails = true;
    const rule = stateless<Tree>((updates) => {
      if (fails) throw new EvalError("a rule's own");
      return updates;
    });
    const of3 = (label: string) => (label === throwing ? chain(trace(), rule, scale(-1)) : adam({ learningRate: 0.1 }));
    const make = () => partition({ a: of3("a"), b: of3("b"), c: of3("c") }, labels).initSync(tree(), { backend });
    const [optimizer, other] = [make(), make()];
    for (let step = 1; step <= 3; step++) {
      const given = { a: of(step), b: of(2 * step), c: of(-step) };
      optimizer.grads.a.set(given.a);
      optimizer.grads.b.set(given.b);
      optimizer.grads.c.set(given.c);
      fails = true;
      expectRefusal(optimizer, () => optimizer.step(), EvalError, "a rule's own");
      expectRefusal(optimizer, () => optimizer.update(), EvalError, "a rule's own");
      fails = false;
      optimizer.step(given);
      other.step(given);
    }
    expect(everythingIn(optimizer)).toEqual(everythingIn(other));
  });

  it("a schedule that throws at its third step, inside a group: nothing has happened", () => {
    const failing = (step: number): number => {
      if (step === 2) throw new EvalError("a schedule's own");
      return -1;
    };
    const update = chain(trace(), partition({ a: adam(), b: scale(failing), c: rate(1) }, labels));
    const optimizer = update.initSync(tree(), { backend });
    for (let step = 0; step < 2; step++) optimizer.step(tree());
    expectRefusal(optimizer, () => optimizer.step(), EvalError, "a schedule's own");
    expectRefusal(optimizer, () => optimizer.update(), EvalError, "a schedule's own");
  });
});
