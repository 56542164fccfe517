// The design's table of bad input, row by row: the message, and that nothing has changed.

import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { counted } from "./support/models.ts";
import {
  CHAINS,
  call,
  NO_RANGE,
  OF_ARGUMENTS,
  optionPairs,
  optionsOf,
  outsideOf,
  REQUIRED,
  RULES,
  SCHEDULES,
  scalarOptions,
  WITHOUT_OPTIONS,
  WRAPPERS,
  withOptions,
} from "./support/options.ts";
import { BACKENDS, type Backend, expectError, expectRefusal } from "./support/untouched.ts";

const { adam, applyUpdates, chain, clip, clipByGlobalNorm, control, functional, scale, scaleByAdam } = lanestep;
const { scaleBySchedule, scaleByState, sgd, trace, TreeMismatchError } = lanestep;

const params = () => ({
  dense0: {
    kernel: { data: Float32Array.from({ length: 15 }, (_, i) => i - 7), shape: [5, 3] },
    bias: [1, 2, 3].map(f),
  },
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
    const target = { ...gradients(), layers: [f(1), 5] };
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
    const short = { ...state, rules: [{}] };
    expectError(at({ w: [f(1)] }, short), TreeMismatchError, '"state.rules" has 1 rules, expected the 2 of this chain');
    const other = { ...state, rules: [{ mu: { w: [f(1)] } }, {}] };
    expectError(at({ w: [f(1)] }, other), TreeMismatchError, '"state.rules[0].nu" is missing');
    for (const counts of [undefined, 1, [-1, 0, 0], [0.5, 0, 0], ["0", 0, 0]]) {
      const host = { ...state.host, counts };
      expectError(at({ w: [f(1)] }, { ...state, host }), TypeError, /^update: state is an object, expected what init/);
    }
    const { host: _, ...without } = state;
    expectError(at({ w: [f(1)] }, without), TypeError, /^update: state is an object, expected what init/);
    const foreign = { ...state, host: { counts: [0], memories: [] } };
    expectError(at({ w: [f(1)] }, foreign), TreeMismatchError, '"state.host" is that of another chain');
    const forgetful = { ...state, host: { ...state.host, memories: undefined } };
    expectError(at({ w: [f(1)] }, forgetful), TypeError, /^update: state is an object, expected what init/);
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
    ["a hole in data", { data: Object.assign(new Array(2), [1]), shape: [2] }],
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
    const hidden = Object.defineProperty({ v: f(1) }, "w", { value: f(1) }) as unknown as { w: Float32Array };
    expectRefusal(optimizer, () => optimizer.step(hidden), TreeMismatchError, '"grads.w" is missing');
    const proxy = { w: new Proxy(f(1), {}) };
    expectRefusal(optimizer, () => optimizer.step(proxy), TypeError, /"grads\.w" is an instance of Float32Array/);
    const throwing = {
      get w(): Float32Array {
        throw new Error("not loaded");
      },
    };
    expectRefusal(optimizer, () => optimizer.step(throwing), Error, "not loaded");
    for (const root of [undefined, null, "w", () => 1])
      expectError(() => adam().initSync(root), TypeError, /^"params"/);
  });
});

describe("an option out of range or misspelt", () => {
  it("is looked for in every public function", () => {
    const functions = Object.keys(lanestep).filter((name) => !name.endsWith("Error"));
    const all = [...RULES, ...CHAINS, ...SCHEDULES, ...WRAPPERS, ...WITHOUT_OPTIONS, ...OF_ARGUMENTS];
    expect(functions.sort()).toEqual(all.sort());
  });

  it.each(optionPairs([...RULES, ...CHAINS, ...SCHEDULES, ...WRAPPERS]))("%s: %s", (name, option) => {
    const misspelt = `${name} has no option ${option}s; did you mean ${option}? It takes ${optionsOf(name).join(", ")}`;
    expectError(() => withOptions(name, { [`${option}s`]: 0.5 }), TypeError, misspelt);
    const errorClass = NO_RANGE.includes(option) ? TypeError : RangeError;
    // Of all options one may be infinite.
    const wrong = [NaN, Infinity, -Infinity, outsideOf(name, option)].filter(
      (x) => option !== "order" || x !== Infinity,
    );
    for (const value of wrong) {
      const says = (shown: string) => new RegExp(`^${name}: ${option} is ${shown.replace("+", "\\+")}, expected `);
      const given = (value: unknown) => ({ ...REQUIRED[name], [option]: value });
      expectError(() => withOptions(name, given(value)), errorClass, says(`${value}`));
      expectError(() => withOptions(name, given(`${value}`)), TypeError, says(`"${value}"`));
    }
    const usage = new RegExp(`^${name} takes one options object, as in ${name}\\((update, )?{ .*, got null$`);
    expectError(() => withOptions(name, null), TypeError, usage);
  });

  it.each(Object.entries(REQUIRED).map(([name, options]) => [name, Object.keys(options)[0]!] as const))(
    "%s wants %s",
    (name, option) => {
      const missing = new RegExp(`^${name}: ${option} is missing, expected `);
      expectError(() => withOptions(name, {}), TypeError, missing);
      expectError(() => withOptions(name, undefined), TypeError, missing);
    },
  );

  it.each(WRAPPERS)("%s takes an update first", (name) => {
    for (const [given, shown] of [
      [undefined, "undefined"],
      [{ every: 2 }, "an object"],
    ] as const) {
      const message = `${name}: its first argument is ${shown}, expected an update such as scaleByAdam()`;
      expectError(() => call(name, given, { every: 2 }), TypeError, message);
    }
    expectError(() => call(name, sgd, {}), TypeError, `${name}: its first argument is a function: call it`);
  });

  it.each(WITHOUT_OPTIONS)("%s takes none", (name) => {
    expectError(() => call(name, { axis: 1 }), TypeError, new RegExp(`^${name} has no option axis`));
  });

  const mend = ", expected an update such as scaleByAdam()";
  const snapshots = 'snapshot: "mu" is none of "params", "grads", "state"';
  it.each<[message: string | RegExp, action: () => unknown]>([
    [`chain: argument 2 is null${mend}`, () => call("chain", adam(), null)],
    [`chain: argument 1 is an array${mend}`, () => call("chain", [adam()])],
    [/^chain: argument 2 is a function: call it/, () => adam().pipe(sgd as never)],
    [`chain: argument 2 is undefined${mend}`, () => call("compose", adam())],
    ["stateless takes functions, got undefined", () => call("stateless")],
    ["stateful takes functions, got undefined", () => call("stateful", () => 1)],
    [/^scaleBySchedule takes a function, as in .*, got 0.1$/, () => call("scaleBySchedule", 0.1)],
    [/^scaleByState takes a control, as in .*, got 0.1; scale\(\) takes/, () => call("scaleByState", 0.1)],
    ["control: value is of type string, expected a finite number", () => call("control", "1")],
    [/argument 1 is a function: call it/, () => call("functional", adam)],
    [/^init has no option backned; did you mean backend\?/, () => adam().initSync({}, { backned: 1 } as object)],
    ['init: a device takes backend "webgpu" or "auto"', () => adam().initSync({}, { device: {} } as object)],
    [/^init: backend is "cuda", expected/, () => adam().initSync({}, { backend: "cuda" as "wasm" })],
    [/^init: module is an object, expected/, () => adam().initSync({}, { module: {} })],
    [/^init takes one options object, .*, got null$/, () => adam().initSync({}, null as never)],
    [
      snapshots,
      () =>
        adam()
          .initSync({})
          .snapshot("mu" as "state"),
    ],
  ])("%s", (message, action) => expectError(action, TypeError, message));

  it("compose takes all it is given", () => {
    const { rules } = call("compose", clip(), trace(), scale(-1)) as lanestep.Update;
    expect(rules.map(({ rule }) => rule.name)).toEqual(["clip", "trace", "scale"]);
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
  const scalars = scalarOptions();
  const told = { value: 1 };
  it("finds the options", () => expect(scalars.length).toBeGreaterThan(40));

  it.each(scalars)("$name: $option", ({ name, option, value, make }) => {
    const wrong = [NaN, Infinity, outsideOf(name, option), "1", null, undefined, 1n, {}, Promise.resolve(1)];
    for (const bad of wrong as number[]) {
      const rule = make((step) => (step === 2 ? bad : value));
      const optimizer = chain(trace(), rule).initSync(params(), { backend });
      // What waits counts steps, and so does its schedule: parts, at most, before it.
      for (let i = 0; i < (name === "accumulate" ? 2 * value : 2); i++) optimizer.step(gradients(), told);
      const message = new RegExp(`^${name}: ${option} is .+ at step 2, expected `);
      expectRefusal(optimizer, () => optimizer.step(optimizer.grads, told), RangeError, message);
      expectRefusal(optimizer, () => optimizer.update(gradients(), told), RangeError, message);
    }
    if (!Number.isFinite(Math.fround(outsideOf(name, option)))) return;
    const scalar = control(value);
    const optimizer = chain(trace(), make(scalar)).initSync(params(), { backend });
    scalar.value = outsideOf(name, option);
    const refused = new RegExp(`${option} is .+ at step 0`);
    expectRefusal(optimizer, () => optimizer.step(gradients(), told), RangeError, refused);
    scalar.value = value;
    for (let i = 1; i < (name === "accumulate" ? value : 1); i++) expect(optimizer.step(gradients(), told)).toBe(false);
    expect(optimizer.step(gradients(), told)).toBe(true);
  });

  it("scaleBySchedule, scaleByState and a schedule that throws", () => {
    const schedule = chain(
      trace(),
      scaleBySchedule((step) => (step === 1 ? NaN : 1)),
    ).initSync(params(), { backend });
    schedule.step(gradients());
    const notFinite = "scaleBySchedule: schedule is NaN at step 1, expected a finite number";
    expectRefusal(schedule, () => schedule.step(gradients()), RangeError, notFinite);
    const rate = control(1);
    const state = chain(trace(), scaleByState(rate)).initSync(params(), { backend });
    rate.value = 1e300;
    expectRefusal(state, () => state.step(gradients()), RangeError, /^scaleByState: scale is 1e\+300 at step 0, .*f/);
    const fails = () => {
      throw new SyntaxError("a schedule's own");
    };
    const throwing = chain(trace(), scale(fails)).initSync(params(), { backend });
    expectRefusal(throwing, () => throwing.step(gradients()), SyntaxError, "a schedule's own");
    expectRefusal(throwing, () => throwing.update(gradients()), SyntaxError, "a schedule's own");
  });

  it("a schedule that takes the memory of a gradient away", () => {
    const gone = f(2);
    const schedule = () => (gone.length > 0 ? structuredClone(-1, { transfer: [gone.buffer] }) : -1);
    const optimizer = scale(schedule).initSync({ a: f(0), b: f(0) }, { backend });
    expectRefusal(optimizer, () => optimizer.step({ a: f(1), b: gone }), Error, /"grads\.b" has 0 elements|detached/);
  });
});

describe.each(BACKENDS)("more than a memory can hold, on %s", (backend) => {
  it("is refused with the bytes of every plane, and the update can be used again", async () => {
    const update = adam();
    const huge = { w: { shape: [2 ** 20, 2 ** 20] } };
    const planes = "params 4398046.5 MB, grads 4398046.5 MB, scaleByAdam.mu 4398046.5 MB, scaleByAdam.nu 4398046.5 MB";
    const message = new RegExp(`17592186.1 MB.*: ${planes}`);
    expectError(() => update.initSync(huge, { backend }), RangeError, message);
    await expect(update.init(huge, { backend })).rejects.toThrow(message);
    expect(update.initSync({ w: f(1) }, { backend }).step({ w: f(1) })).toBe(true);
  });
});

describe.each(BACKENDS)("gradients that are not finite are taken as they are, on %s", (backend) => {
  it.each([
    ["scale", scale(-1), [NaN, -Infinity, -1]],
    ["clip keeps NaN", chain(clip({ delta: 2 }), scale(-1)), [NaN, -2, -1]],
    ["clipByGlobalNorm makes all of it NaN", chain(clipByGlobalNorm(), scale(-1)), [NaN, NaN, NaN]],
  ])("%s", (_, update, expected) => {
    const optimizer = update.initSync({ w: { shape: [3] } }, { backend });
    expect(optimizer.step({ w: Float32Array.of(NaN, Infinity, 1) })).toBe(true);
    expect([...optimizer.params.w]).toEqual(expected);
  });
});
