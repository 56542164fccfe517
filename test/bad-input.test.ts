// The design's table of bad input, row by row: the message, and that nothing has changed.

import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.js";
import { BACKENDS, type Backend, everythingIn, expectError, expectRefusal } from "./support/untouched.js";

const { adam, applyUpdates, chain, clip, clipByGlobalNorm, control, functional, scale, scaleByAdam } = lanestep;
const { scaleBySchedule, scaleByState, sgd, stateful, stateless, trace } = lanestep;
const { DisposedError, StateError, TreeMismatchError } = lanestep;

const params = () => ({
  dense0: { kernel: { data: Float32Array.from({ length: 15 }, (_, i) => i - 7), shape: [5, 3] }, bias: [1, 2, 3].map(f) },
  layers: [Float64Array.of(0.5, -0.5), 2],
});
const gradients = () => ({
  dense0: { kernel: Float32Array.from({ length: 15 }, (_, i) => 1 / (i + 1)), bias: [-1, 0.5, 3].map(f) },
  layers: [Float32Array.of(3, 4), -1],
});
type Tree = ReturnType<typeof gradients>;

/** A leaf of one element. */
function f(value: number): Float32Array {
  return Float32Array.of(value);
}

const counted = stateful<unknown, { calls: number }>(
  () => ({ calls: 0 }),
  (updates, { calls }) => [updates, { calls: calls + 1 }],
);

/** An optimizer that has state of every kind, and has taken two steps. */
function used(backend: Backend) {
  const update = chain(clipByGlobalNorm(), scaleByAdam(), trace(), counted, scale(-0.1));
  const optimizer = update.initSync(params(), { backend });
  for (let i = 0; i < 2; i++) optimizer.step(gradients());
  return optimizer;
}

describe.each(BACKENDS)("gradients of another form, on %s", (backend) => {
  const dense = (part: object) => (g: Tree) => ({ ...g, dense0: { ...g.dense0, ...part } });
  const kernel = new Float32Array(15);

  it.each<[message: string, change: (g: Tree) => unknown]>([
    ['"grads.dense0.kernel" has 12 elements, expected 15 (shape 5×3)', dense({ kernel: new Float32Array(12) })],
    ['"grads.dense0.kernel" has shape 3×5, expected 5×3', dense({ kernel: { data: kernel, shape: [3, 5] } })],
    ['"grads.dense0.kernel" has 1 elements, expected 15 (shape 5×3)', dense({ kernel: 0 })],
    ['"grads.dense0.kernel" is missing', dense({ kernel: undefined })],
    ['"grads.dense0.kernel" is an object, expected a leaf of 15 elements', dense({ kernel: { kernel } })],
    ['"grads.dense0.kernel" is an array, expected a leaf of 15 elements', dense({ kernel: [kernel] })],
    [
      '"grads.dense0.kernel" is { shape } without data: zeros are given so in init only',
      dense({ kernel: { shape: [5, 3] } }),
    ],
    ['"grads.dense0.scale" is not among the parameters', dense({ scale: 1 })],
    ['"grads.dense0["a.b"]" is not among the parameters', dense({ "a.b": undefined })],
    ['"grads.dense0.bias[1]" is missing', dense({ bias: [f(1)] })],
    ['"grads.dense0.bias[3]" is not among the parameters', dense({ bias: [1, 2, 3, 4].map(f) })],
    ['"grads.dense0.bias" is an object, expected an array', dense({ bias: { 0: f(1), 1: f(1), 2: f(1) } })],
    ['"grads.dense0.kernel" is missing', (g) => ({ ...g, dense0: { bias: g.dense0.bias } })],
    ['"grads.dense0" is a leaf, expected an object', (g) => ({ ...g, dense0: f(1) })],
    ['"grads.dense0" is missing', ({ layers }) => ({ layers })],
    ['"grads.layers[1]" has 2 elements, expected 1', (g) => ({ ...g, layers: [g.layers[0], g.layers[0]] })],
    ['"grads" is an array, expected an object', (g) => [g]],
    ['"grads" is a leaf, expected an object', () => kernel],
  ])("%s", (message, change) => {
    const optimizer = used(backend);
    const bad = change(gradients()) as Tree;
    expectRefusal(optimizer, () => optimizer.step(bad), TreeMismatchError, message);
    expectRefusal(optimizer, () => optimizer.update(bad), TreeMismatchError, message);
    expectRefusal(optimizer, () => optimizer.writeTo(bad), TreeMismatchError, message.replace("grads", "tree"));
    optimizer.update(gradients());
    expectRefusal(optimizer, () => optimizer.writeTo(bad), TreeMismatchError, message.replace("grads", "tree"));
    optimizer.apply();
    expect(optimizer.count).toBe(3);
  });

  it("writeTo: the refused tree is left as it was too", () => {
    const target = { ...gradients(), layers: [f(1)] };
    const before = structuredClone(target);
    expectError(() => used(backend).writeTo(target), TreeMismatchError, '"tree.layers[0]" has 1 elements, expected 2');
    expect(target).toEqual(before);
  });

  it("the functional form: gradients, state and count", async () => {
    const { init, update } = functional(adam(), { backend });
    const state = await init({ w: [f(1)] });
    const call = (grads: unknown, given: unknown) => () => update(grads as { w: [number] }, given as never, { w: [1] });
    const before = structuredClone(state);
    expectError(call({}, state), TypeError, /^"params\.w" is an array of plain numbers/);
    const at = (grads: unknown, given: unknown) => () => update(grads as never, given as never, { w: [f(1)] });
    expectError(at({}, state), TreeMismatchError, '"grads.w" is missing');
    expectError(at(undefined, state), TreeMismatchError, '"grads" is missing');
    expectError(at({ w: [1n] }, state), TypeError, /^"grads\.w\[0\]" is 1n/);
    expectError(at({ w: [f(1)] }, null), TypeError, "update: state is null, expected what init or update returned");
    for (const count of [-1, 0.5, NaN, "0"]) expectError(at({ w: [f(1)] }, { ...state, count }), TypeError, /state/);
    const short = { count: 0, rules: [{}] };
    expectError(at({ w: [f(1)] }, short), TreeMismatchError, '"state" has 1 rules, expected the 2 of this chain');
    const other = { count: 0, rules: [{ mu: { w: [f(1)] } }, {}] };
    expectError(at({ w: [f(1)] }, other), TreeMismatchError, '"state.rules[0].nu" is missing');
    expect(state).toEqual(before);
  });
});

describe("a leaf that is not numbers", () => {
  const kinds = "expected a typed array, { data, shape } or a number";
  const holds = `${kinds}: give the numbers it holds, for a tensor its data`;
  const big = `${kinds}: convert it with Float32Array.from(values, Number)`;
  const list = "use Float32Array.from(…) or { data, shape }";
  class Tensor {}

  const leaves: [message: string, value: unknown][] = [
    [`is "0.5", ${kinds}`, "0.5"],
    [`is null, ${kinds}`, null],
    [`is true, ${kinds}`, true],
    [`is Symbol(w), ${kinds}`, Symbol("w")],
    [`is a function, ${kinds}`, () => 1],
    [`is 1n, ${big}`, 1n],
    [`is an instance of BigInt64Array, ${big}`, BigInt64Array.of(1n)],
    [`is an instance of BigUint64Array, ${big}`, runInNewContext("BigUint64Array.of(1n)")],
    [`is an instance of DataView, ${holds}`, new DataView(new ArrayBuffer(4))],
    [`is an instance of ArrayBuffer, ${holds}`, new ArrayBuffer(4)],
    [`is an instance of Tensor, ${holds}`, new Tensor()],
    [`is an instance of Tensor, ${holds}`, runInNewContext("new (class Tensor {})()")],
    [`is an instance of Promise, ${holds}`, Promise.resolve(1)],
    [`is an instance of Date, ${holds}`, new Date(0)],
    [`is an instance of Map, ${kinds}: convert it with Object.fromEntries(…)`, new Map([["w", 1]])],
    [`is an array of plain numbers (each would be a leaf of its own): ${list}`, [1]],
    ['is { data, shape } with "1" as data, expected a typed array or an array of numbers', { data: "1", shape: [1] }],
    [
      "is { data, shape } with an array as data, expected a typed array or an array of numbers",
      { data: ["1"], shape: [1] },
    ],
    ["is { data, shape } with 2 elements, but its shape 3 has 3", { data: [1, 2], shape: [3] }],
  ];
  it.each(leaves)("%s", (message, value) => {
    for (const backend of BACKENDS) {
      expectError(() => adam().initSync({ a: [value] }, { backend }), TypeError, `"params.a[0]" ${message}`);
      const optimizer = adam().initSync({ a: [f(1)], b: { shape: [2, 2] } }, { backend });
      const bad = { a: [value], b: new Float32Array(4) } as { a: [number]; b: Float32Array };
      expectRefusal(optimizer, () => optimizer.step(bad), TypeError, `"grads.a[0]" ${message}`);
      expectRefusal(optimizer, () => optimizer.update(bad), TypeError, `"grads.a[0]" ${message}`);
      expectRefusal(optimizer, () => optimizer.writeTo(bad), TypeError, `"tree.a[0]" ${message}`);
    }
  });

  it.each<[name: string, leaf: unknown]>([
    ["a hole in data", { data: [1, ...new Array(1), 3], shape: [3] }],
    ["data of holes alone", { data: new Array(3), shape: [3] }],
    ["a hole in shape", { data: [1, 2, 3], shape: Object.assign(new Array(2), [3]) }],
    ["a negative length", { shape: [-1] }],
    ["half an element", { data: Float32Array.of(1), shape: [1.5] }],
    ["more elements than can be counted", { shape: [2 ** 53] }],
    ["a typed array as shape", { data: Float32Array.of(1, 2, 3, 4), shape: Int32Array.of(2, 2) }],
    ["a number as shape", { data: Float32Array.of(1, 2, 3), shape: 3 }],
  ])("{ data, shape } with %s is refused by its own path", (_, w) => {
    expectError(() => adam().initSync({ w }), TypeError, /^"params\.w" is .*shape/);
  });

  it("trees that are none: cycles, symbols as keys, what throws when read", () => {
    const cyclic: Record<string, unknown> = { w: f(1) };
    cyclic.inner = [cyclic];
    const inTree = '"params.inner[0]" contains itself: a tree has no cycles';
    expectError(() => adam().initSync(cyclic), TypeError, inTree);
    const optimizer = adam().initSync({ w: f(1) });
    const extra = '"grads.inner" is not among the parameters';
    expectRefusal(optimizer, () => optimizer.step(cyclic as { w: Float32Array }), TreeMismatchError, extra);
    const symbol = { w: f(1), [Symbol("s")]: f(1) };
    expectError(() => adam().initSync(symbol), TypeError, '"params" has a symbol as a key: use a string');
    expectRefusal(optimizer, () => optimizer.step(symbol), TypeError, '"grads" has a symbol as a key: use a string');
    const throwing = {
      get w(): Float32Array {
        throw new Error("not loaded");
      },
    };
    expectRefusal(optimizer, () => optimizer.step(throwing), Error, "not loaded");
    for (const root of [undefined, null, "w", () => 1]) expectError(() => adam().initSync(root), TypeError, /^"params"/);
  });
});

const exported = lanestep as unknown as Record<string, (options?: unknown) => lanestep.Update>;
const RULES =
  "addDecayedWeights addNoise clip clipByGlobalNorm scale scaleByAdam scaleByBelief scaleByLearningRate scaleByRadam scaleByRms scaleByRss scaleByStddev scaleByTrustRatio scaleByYogi trace".split(
    " ",
  );
const OTHERS = "adabelief adagrad adam adamw constant cosineDecay exponentialDecay lamb noisySgd polynomialDecay radam rmsprop sgd yogi".split(" "); // biome-ignore format: one line
const WITHOUT_OPTIONS = ["centralize", "identity"];
const OF_ARGUMENTS = "applyUpdates chain compose control functional scaleBySchedule scaleByState stateful stateless".split(" "); // biome-ignore format: one line

/** By its own word. */
function optionsOf(name: string): string[] {
  try {
    exported[name]!({ noSuchOption: 1 });
  } catch (error) {
    return (error as Error).message.split("It takes ")[1]!.split(", ");
  }
  throw new Error(`${name} takes any option`);
}
const optionPairs = (names: readonly string[]) => names.flatMap((name) => optionsOf(name).map((o) => [name, o] as const));

/** Just outside the range of an option; what is not here takes every finite number. */
const outside: Readonly<Record<string, number>> = {
  ...{ learningRate: -1e-9, b1: 1, b2: -0.1, eps: -1e-9, epsRoot: -1, threshold: 3.9, momentum: 1.2, alpha: -1 },
  ...{ eta: -1, gamma: -1, seed: -1, delta: -1, maxNorm: -1, minNorm: -1, trustCoefficient: -1, initialScale: -1 },
  ...{ initialAccumulatorValue: -1, decaySteps: 0, transitionSteps: 1.5, transitionBegin: -1, decayRate: 0, power: 0 },
};
const decays: Readonly<Record<string, number>> = { trace: 1.5, scaleByRms: 1, scaleByStddev: 1, rmsprop: 1 };
const outsideOf = (name: string, option: string) => (option === "decay" ? decays[name] : outside[option]) ?? 1e39;

describe("an option out of range or misspelt", () => {
  it("this table has every public function", () => {
    const functions = Object.keys(lanestep).filter((name) => !name.endsWith("Error"));
    expect(functions.sort()).toEqual([...RULES, ...OTHERS, ...WITHOUT_OPTIONS, ...OF_ARGUMENTS].sort());
  });

  it.each(optionPairs([...RULES, ...OTHERS]))("%s: %s", (name, option) => {
    const call = (options: unknown) => () => exported[name]!(options);
    const misspelt = `${name} has no option ${option}s; did you mean ${option}? It takes ${optionsOf(name).join(", ")}`;
    expectError(call({ [`${option}s`]: 0.5 }), TypeError, misspelt);
    const isNumber = !["nesterov", "centered", "staircase"].includes(option);
    for (const value of [NaN, Infinity, -Infinity, outsideOf(name, option)]) {
      const says = (shown: string) => new RegExp(`^${name}: ${option} is ${shown.replace("+", "\\+")}, expected `);
      expectError(call({ [option]: value }), isNumber && option !== "seed" ? RangeError : TypeError, says(`${value}`));
      expectError(call({ [option]: `${value}` }), TypeError, says(`"${value}"`));
    }
    const usage = new RegExp(`^${name} takes one options object, as in ${name}\\({ .*, got null$`);
    expectError(call(null), TypeError, usage);
  });

  it.each(WITHOUT_OPTIONS)("%s takes none", (name) => {
    expectError(() => exported[name]!({ axis: 1 }), TypeError, new RegExp(`^${name} has no option axis`));
  });

  it("functions of other arguments", () => {
    const call = (name: string, ...given: unknown[]) => {
      const of = (lanestep as unknown as Record<string, (...given: unknown[]) => unknown>)[name]!;
      return () => of(...given);
    };
    const mend = ", expected an update such as scaleByAdam()";
    expectError(call("chain", adam(), null), TypeError, `chain: argument 2 is null${mend}`);
    expectError(call("chain", [adam()]), TypeError, `chain: argument 1 is an array${mend}`);
    expectError(call("chain", adam), TypeError, /^chain: argument 1 is a function: call it/);
    expectError(() => adam().pipe(sgd as never), TypeError, /^chain: argument 2 is a function: call it/);
    expectError(call("compose", adam()), TypeError, `chain: argument 2 is undefined${mend}`);
    expect(lanestep.compose(...([clip(), clip(), clip()] as never as [lanestep.Update, lanestep.Update])).rules).toHaveLength(3); // biome-ignore format: one line
    expectError(call("stateless"), TypeError, "stateless takes functions, got undefined");
    expectError(call("stateful", () => 1), TypeError, "stateful takes functions, got undefined");
    expectError(call("scaleBySchedule", 0.1), TypeError, /^scaleBySchedule takes a function, as in .*, got 0.1$/);
    expectError(call("scaleByState", 0.1), TypeError, /^scaleByState takes a control, .*, got 0.1; scale\(\) takes/);
    expectError(call("control", "1"), TypeError, "control: value is of type string, expected a finite number");
    expectError(call("control", NaN), RangeError, "control: value is NaN, expected a finite number");
    expectError(call("functional", adam), TypeError, /^functional/);
    expectError(() => adam().initSync({ w: 1 }, { backned: "wasm" } as object), TypeError, /did you mean backend\?/);
    expectError(() => adam().initSync({ w: 1 }, { backend: "cuda" as "wasm" }), TypeError, /^init: backend is "cuda"/);
    expectError(() => adam().initSync({ w: 1 }, { module: {} }), TypeError, /^init: module is an object, expected/);
    expectError(() => adam().initSync({ w: 1 }).snapshot("mu" as "state"), TypeError, 'snapshot: "mu" is none of "params", "grads", "state"'); // biome-ignore format: one line
  });

  it("applyUpdates", () => {
    const params = { w: f(1), b: { c: f(1) } };
    const apply = (updates: unknown, state?: unknown) => () => applyUpdates(params, updates, state);
    expectError(apply({ v: f(1) }), TreeMismatchError, '"updates.v" is not among the parameters');
    expectError(apply({ w: Float32Array.of(1, 2) }), TreeMismatchError, '"updates.w" has 2 elements, expected 1');
    expectError(apply({ b: f(1) }), TreeMismatchError, '"updates.b" is a leaf, expected a node');
    expectError(apply({ w: { x: 1 } }), TreeMismatchError, '"updates.w" is a node, expected a leaf');
    expectError(apply({}, { w: { x: 1 } }), TreeMismatchError, '"modelState.w" is a node, expected a leaf');
    expectError(apply({ w: "1" }), TypeError, /^"updates\.w" is "1", expected/);
    expectError(apply({ w: [1] }), TypeError, /^"updates\.w" is an array of plain numbers/);
    expectError(() => applyUpdates({ w: null }, {}), TypeError, /^"params\.w" is null, expected/);
    expect(params).toEqual({ w: f(1), b: { c: f(1) } });
  });
});

describe.each(BACKENDS)("a schedule or control that gives no number in its range, on %s", (backend) => {
  const scalars = optionPairs(RULES).flatMap(([name, option]) => {
    const value = name.startsWith("scale") && optionsOf(name).length === 1 ? 0.5 : exported[name]!().rules[0]!.options[option];
    const make = (scalar: lanestep.Scalar) => exported[name]!({ [option]: scalar });
    return typeof value === "number" && takes(() => make(() => value)) ? [{ name, option, value, make }] : [];
  });
  const named = { scaleBySchedule: "schedule", scaleByState: "scale" };
  function takes(make: () => unknown): boolean {
    try {
      return make() !== null;
    } catch {
      return false;
    }
  }

  it("finds the options", () => expect(scalars.length).toBeGreaterThan(30));

  it.each(scalars)("$name: $option", ({ name, option, value, make }) => {
    const wrong = [NaN, Infinity, outsideOf(name, option), "1", null, undefined, 1n, {}, Promise.resolve(1)];
    for (const bad of wrong) {
      const optimizer = chain(trace(), make((step) => (step === 2 ? (bad as number) : value))).initSync(params(), { backend });
      for (let i = 0; i < 2; i++) optimizer.step(gradients());
      const message = new RegExp(`^${name}: ${option} is .+ at step 2, expected `);
      expectRefusal(optimizer, () => optimizer.step(), RangeError, message);
      expectRefusal(optimizer, () => optimizer.update(gradients()), RangeError, message);
    }
    const scalar = control(value);
    const optimizer = chain(trace(), make(scalar)).initSync(params(), { backend });
    if (Number.isFinite(Math.fround(outsideOf(name, option)))) {
      scalar.value = outsideOf(name, option);
      expectRefusal(optimizer, () => optimizer.step(gradients()), RangeError, new RegExp(`${option} is .+ at step 0`));
      scalar.value = value;
    }
    expect(optimizer.step(gradients())).toBe(true);
  });

  it(`${Object.keys(named).join(" and ")}, and a schedule that throws`, () => {
    const optimizer = chain(trace(), scaleBySchedule(() => NaN)).initSync(params(), { backend });
    const finite = "expected a finite number";
    expectRefusal(optimizer, () => optimizer.step(gradients()), RangeError, `scaleBySchedule: schedule is NaN at step 0, ${finite}`); // biome-ignore format: one line
    const huge = control(1e300);
    const scaled = scaleByState(control(1)).pipe(trace());
    expectError(() => scaleByState(huge), RangeError, /^scaleByState: scale is 1e\+300, expected a finite number, at most 3\.4e38/); // biome-ignore format: one line
    expect(scaled.initSync(params(), { backend }).step(gradients())).toBe(true);
    const throwing = chain(trace(), scale(() => { throw new SyntaxError("a schedule's own"); })).initSync(params(), { backend }); // biome-ignore format: one line
    expectRefusal(throwing, () => throwing.step(gradients()), SyntaxError, "a schedule's own");
    expectRefusal(throwing, () => throwing.update(gradients()), SyntaxError, "a schedule's own");
  });
});
