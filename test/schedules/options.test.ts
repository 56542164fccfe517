// What the schedules beyond Axon's take, and what they refuse.

import { describe, expect, it } from "vitest";
import { sgd } from "../../src/index.ts";
import * as schedules from "../../src/schedules/index.ts";
import { expectError } from "../support/untouched.ts";

type Options = Readonly<Record<string, unknown>>;
type Make = (options?: unknown) => schedules.Schedule;

const warmup = { initValue: 0, peakValue: 1, warmupSteps: 2 };
const exponential = { transitionSteps: 3, decayRate: 0.5, transitionBegin: 1, staircase: true, endValue: 0.1 };
const stairs = { initValue: 1, boundariesAndScales: { 5: 0.5 } };

/** All options of each schedule. */
const allOptions: Readonly<Record<string, Options>> = {
  cosineRestarts: { initValue: 1, endValue: 0.1, decaySteps: 5, periodFactor: 2 },
  cyclic: {
    ...{ initValue: 0, peakValue: 1, stepsUp: 2, stepsDown: 3 },
    ...{ interpolate: "cosine", cycleFactor: 0.5, stepFactor: 0.9 },
  },
  join: { schedules: [() => 1, () => 2], boundaries: [5] },
  linear: { initValue: 0, endValue: 1, transitionSteps: 5, transitionBegin: 1 },
  oneCycle: {
    ...{ peakValue: 1, transitionSteps: 10, peakStep: 2.5, returnStep: 6 },
    ...{ divFactor: 10, finalDivFactor: 100, interpolate: "linear" },
  },
  piecewiseConstant: stairs,
  piecewiseInterpolate: { ...stairs, interpolate: "cosine" },
  sgdr: { cycles: [{ ...warmup, decaySteps: 5 }] },
  warmupConstant: warmup,
  warmupCosine: { ...warmup, decaySteps: 5, endValue: 0.1, exponent: 2 },
  warmupExponential: { ...warmup, ...exponential },
};
const optional = new Set([
  ...["cosineRestarts.endValue", "cosineRestarts.periodFactor", "cyclic.stepsDown", "cyclic.interpolate"],
  ...["cyclic.cycleFactor", "cyclic.stepFactor", "linear.transitionBegin", "oneCycle.peakStep", "oneCycle.returnStep"],
  ...["oneCycle.divFactor", "oneCycle.finalDivFactor", "oneCycle.interpolate", "piecewiseInterpolate.interpolate"],
  ...["warmupConstant.initValue", "warmupCosine.initValue", "warmupCosine.endValue", "warmupCosine.exponent"],
  ...["warmupExponential.initValue", "warmupExponential.transitionBegin", "warmupExponential.staircase"],
  "warmupExponential.endValue",
]);
const integers = /Steps$|^steps|transitionBegin|periodFactor/;
const positive = /Factor$|decayRate|exponent/;
const ofAxon = ["constant", "cosineDecay", "exponentialDecay", "polynomialDecay"];

const make = (name: string): Make => (schedules as unknown as Record<string, Make>)[name]!;
const pairs = Object.entries(allOptions).flatMap(([name, options]) =>
  Object.keys(options).map((option) => [name, option] as const),
);

it("these are all schedules, and all their options", () => {
  expect(Object.keys(schedules).sort()).toEqual([...Object.keys(allOptions), ...ofAxon].sort());
  for (const [name, options] of Object.entries(allOptions)) {
    expect(Number.isFinite(make(name)(options)(3)), name).toBe(true);
    const taken = `It takes ${Object.keys(options).join(", ")}`;
    expect(() => make(name)({ ...options, noSuchOption: 1 })).toThrow(TypeError);
    expect(() => make(name)({ noSuchOption: 1 }), name).toThrow(taken);
    expect(() => make(name)(() => 1)).toThrow(`${name} takes one options object`);
  }
});

describe("an option", () => {
  it.each(pairs)("%s: %s", (name, option) => {
    const options = allOptions[name]!;
    const value = options[option];
    const given = (bad: unknown) => () => make(name)({ ...options, [option]: bad });
    const { [option]: _, ...others } = options;
    if (optional.has(`${name}.${option}`)) expect(() => make(name)(others)).not.toThrow();
    else expectError(() => make(name)(others), TypeError, new RegExp(`^${name}: ${option} is missing, expected `));

    const wrong = typeof value === "number" ? "1" : 1;
    expectError(given(wrong), TypeError, new RegExp(`^${name}: ${option} is "?1"?, expected `));
    if (typeof value !== "number") return;
    const outside = [
      NaN,
      Infinity,
      1e39,
      ...(integers.test(option) ? [-1, 1.5] : positive.test(option) ? [0, -1] : []),
    ];
    for (const bad of outside) {
      expectError(
        given(bad),
        RangeError,
        new RegExp(`^${name}: ${option} is ${String(bad).replace("+", "\\+")}, expected `),
      );
    }
  });

  it.each<[message: string, name: string, options: Options]>([
    ["warmupCosine: decaySteps is 2, expected an integer > warmupSteps (2)", "warmupCosine", { decaySteps: 2 }],
    ["linear: transitionSteps is 0, expected an integer >= 1", "linear", { transitionSteps: 0 }],
    ["oneCycle: peakStep is -1, expected a finite number >= 0", "oneCycle", { peakStep: -1 }],
    ["oneCycle: peakStep is 10, expected a number < transitionSteps (10)", "oneCycle", { peakStep: 10 }],
    ...[2.5, 10].map((returnStep): [string, string, Options] => [
      `oneCycle: returnStep is ${returnStep}, expected a number > peakStep (2.5) and < transitionSteps (10)`,
      "oneCycle",
      { returnStep },
    ]),
    ...["-1", "1.5", "x", "05", ""].map((step): [string, string, Options] => [
      `piecewiseConstant: a step of boundariesAndScales is "${step}", expected an integer >= 0`,
      "piecewiseConstant",
      { boundariesAndScales: { [step]: 1 } },
    ]),
    [
      "piecewiseInterpolate: boundariesAndScales[5] is -1, expected a finite number >= 0",
      "piecewiseInterpolate",
      { boundariesAndScales: { 4: 1, 5: -1 } },
    ],
    ["join: boundaries has 2 steps, expected 1, one fewer than schedules", "join", { boundaries: [5, 6] }],
    ["join: boundaries[0] is -5, expected an integer >= 0", "join", { boundaries: [-5] }],
    [
      "join: boundaries[1] is 5, expected an integer >= 6",
      "join",
      { schedules: [() => 1, () => 1, () => 1], boundaries: [6, 5] },
    ],
    [
      "sgdr: cycles[1]: warmupSteps is -2, expected an integer >= 0",
      "sgdr",
      {
        cycles: [
          { ...warmup, decaySteps: 5 },
          { ...warmup, warmupSteps: -2, decaySteps: 5 },
        ],
      },
    ],
  ])("%s", (message, name, options) => {
    expectError(() => make(name)({ ...allOptions[name], ...options }), RangeError, message);
  });

  it.each<[message: string, name: string, options: Options]>([
    ['cyclic: interpolate is "cos", expected "linear" or "cosine"', "cyclic", { interpolate: "cos" }],
    ["join: schedules is an array, expected an array of schedules, at least one", "join", { schedules: [] }],
    ["join: schedules[1] is 0.1, expected a schedule", "join", { schedules: [() => 1, 0.1] }],
    ['join: boundaries[0] is "5", expected an integer >= 0', "join", { boundaries: ["5"] }],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is refused here.
    ["join: schedules[1] is missing, expected a schedule", "join", { schedules: [() => 1, , () => 1] }],
    [
      "piecewiseConstant: boundariesAndScales[5] is null, expected a finite number >= 0",
      "piecewiseConstant",
      { boundariesAndScales: { 5: null } },
    ],
    [
      "piecewiseConstant: boundariesAndScales is an array, expected an object of scales by step, as { 5: 0.5 }",
      "piecewiseConstant",
      { boundariesAndScales: [0.5] },
    ],
    ["sgdr: cycles is an array, expected an array of warmupCosine's options, at least one", "sgdr", { cycles: [] }],
    ["sgdr: cycles[0]: decaySteps is missing, expected an integer >= 1", "sgdr", { cycles: [warmup] }],
  ])("%s", (message, name, options) => {
    expectError(() => make(name)({ ...allOptions[name], ...options }), TypeError, message);
  });
});

it("the first update sees step 0", async () => {
  const learningRate = schedules.piecewiseConstant({ initValue: 1, boundariesAndScales: { 1: 0.5, 2: 0.5 } });
  const optimizer = await sgd({ learningRate }).init({ w: Float32Array.of(0) });
  const seen = [1, 2, 3, 4].map(() => {
    optimizer.step({ w: Float32Array.of(-1) });
    return optimizer.params.w[0];
  });
  expect(seen).toEqual([1, 1.5, 1.75, 2]);
});
