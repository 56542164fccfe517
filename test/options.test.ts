import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Control } from "../src/control.ts";
import { control, isControl } from "../src/control.ts";
import type { AtStep, OptionSpec, Resolved, Scalar } from "../src/options.ts";
import {
  atLeast,
  finite,
  flag,
  nonNegative,
  nonNegativeInteger,
  number,
  option,
  positive,
  positiveInteger,
  readOptions,
  resolve,
  resolveAll,
  scalar,
  unit,
} from "../src/options.ts";
import { show } from "../src/show.ts";

interface Options {
  readonly learningRate?: Scalar | undefined;
  readonly b1?: Scalar | undefined;
  readonly b2?: Scalar | undefined;
  readonly eps?: Scalar | undefined;
  readonly decay?: number | undefined;
  readonly nesterov?: boolean | undefined;
}

const spec = {
  learningRate: scalar(1e-3, finite),
  b1: scalar(0.9, unit),
  b2: scalar(0.999, unit),
  eps: scalar(1e-8, nonNegative),
  decay: number(0, finite),
  nesterov: flag(false),
} satisfies OptionSpec<Options>;

const defaults = { learningRate: 1e-3, b1: 0.9, b2: 0.999, eps: 1e-8, decay: 0, nesterov: false };
const read = (given?: unknown) => readOptions("adam", given, spec);

describe("readOptions", () => {
  it("takes nothing that stands on Object.prototype", () => {
    const polluted = Object.prototype as { b1?: number };
    polluted.b1 = 0.25;
    try {
      expect(read({ b2: 0.5 })).toEqual({ ...defaults, b2: 0.5 });
    } finally {
      delete polluted.b1;
    }
  });

  it("fills in the defaults, for an explicit undefined too", () => {
    expect(read()).toEqual(defaults);
    expect(read({})).toEqual(defaults);
    expect(read({ b1: undefined, nesterov: true })).toEqual({ ...defaults, nesterov: true });
  });

  it("takes plain objects of every kind", () => {
    expect(read(Object.assign(Object.create(null), { b1: 0.5 })).b1).toBe(0.5);
    expect(read(runInNewContext("({ b1: 0.5 })")).b1).toBe(0.5);
    expect(read(Object.freeze({ b1: 0.5 })).b1).toBe(0.5);
  });

  it("keeps schedules and controls as they are", () => {
    const schedule = () => 2;
    const rate = control(1e-2);
    const options = read({ b1: schedule, learningRate: rate });
    expect(options.b1).toBe(schedule);
    expect(options.learningRate).toBe(rate);
  });

  it.each([
    [0.001, "0.001"],
    [null, "null"],
    ["fast", '"fast"'],
    [() => 1, "a function"],
    [[1], "an array"],
    [new Float32Array(1), "an instance of Float32Array"],
    [new (class Settings {})(), "an instance of Settings"],
    [control(1), "an instance of Control"],
  ])("refuses %s in place of an object", (given, shown) => {
    const message = `adam takes one options object, as in adam({ learningRate: 0.001 }), got ${shown}`;
    expect(() => read(given)).toThrow(new TypeError(message));
  });

  it("says so where there are no options", () => {
    expect(() => readOptions("identity", 1, {})).toThrow(new TypeError("identity takes no options, got 1"));
    expect(() => readOptions("identity", { a: 1 }, {})).toThrow(
      new TypeError("identity has no option a. It takes none"),
    );
  });

  it.each([
    ["lr", "learningRate"],
    ["learning_rate", "learningRate"],
    ["LearningRate", "learningRate"],
    ["learningrat", "learningRate"],
    ["betas", "b1 and b2"],
    ["beta2", "b2"],
    ["weightDecay", "decay"],
    ["weight_decay", "decay"],
    ["epsilon", "eps"],
    ["ep", "eps"],
    ["netserov", "nesterov"],
    ["b3", "b1"],
  ])("for %s suggests %s", (name, meant) => {
    expect(() => read({ [name]: 1 })).toThrow(
      new TypeError(
        `adam has no option ${name}; did you mean ${meant}? It takes learningRate, b1, b2, eps, decay, nesterov`,
      ),
    );
  });

  it("suggests nothing that is far off, or that the function does not take", () => {
    for (const name of ["momentum", "maxGradNorm", "constructor", "toString", "", "x".repeat(1000)]) {
      expect(() => read({ [name]: 1 })).toThrow(
        `adam has no option ${name}. It takes learningRate, b1, b2, eps, decay, nesterov`,
      );
    }
    expect(() => readOptions("clipByGlobalNorm", { maxGradNorm: 1 }, { maxNorm: scalar(1, positive) })).toThrow(
      "did you mean maxNorm?",
    );
    expect(() => readOptions("clip", { lr: 1 }, { delta: scalar(2, positive) })).toThrow(
      "clip has no option lr. It takes delta",
    );
  });

  it.each([
    [{ b1: "0.9" }, 'adam: b1 is "0.9", expected a number in [0, 1), a schedule or a control'],
    [{ b1: null }, "adam: b1 is null, expected a number in [0, 1), a schedule or a control"],
    [{ eps: [1] }, "adam: eps is an array, expected a finite number >= 0, a schedule or a control"],
    [{ eps: 1n }, "adam: eps is 1n, expected a finite number >= 0, a schedule or a control"],
    [{ decay: () => 1 }, "adam: decay is a function, expected a finite number"],
    [{ decay: control(1) }, "adam: decay is an instance of Control, expected a finite number"],
    [{ nesterov: 1 }, "adam: nesterov is 1, expected true or false"],
  ])("refuses a wrong type: %o", (given, message) => {
    expect(() => read(given)).toThrow(new TypeError(message));
  });

  it.each([
    [{ b1: 1.2 }, "adam: b1 is 1.2, expected a number in [0, 1)"],
    [{ b1: 1 }, "adam: b1 is 1, expected a number in [0, 1)"],
    [{ b1: NaN }, "adam: b1 is NaN, expected a number in [0, 1)"],
    [{ b1: control(1) }, "adam: b1 is 1, expected a number in [0, 1)"],
    [{ eps: -1e-9 }, "adam: eps is -1e-9, expected a finite number >= 0"],
    [{ eps: Infinity }, "adam: eps is Infinity, expected a finite number >= 0"],
    [{ decay: -Infinity }, "adam: decay is -Infinity, expected a finite number"],
    [{ decay: 1e39 }, "adam: decay is 1e+39, expected a finite number, at most 3.4e38 (float32)"],
  ])("refuses what is out of range: %o", (given, message) => {
    expect(() => read(given)).toThrow(new RangeError(message));
  });

  it("demands an option without a default", () => {
    const required = { factor: scalar(undefined, finite) };
    expect(readOptions("scale", { factor: 2 }, required)).toEqual({ factor: 2 });
    expect(() => readOptions("scale", {}, required)).toThrow(
      new TypeError("scale: factor is missing, expected a finite number, a schedule or a control"),
    );
    expect(() => readOptions("scale", 2, required)).toThrow("as in scale({ factor: … })");
  });

  it("takes any other kind of option by a test of its own", () => {
    const mode = (value: unknown): value is "sum" | "mean" => value === "sum" || value === "mean";
    const reduction = { reduction: option("mean", '"sum" or "mean"', mode) };
    expect(readOptions("accumulate", { reduction: "sum" }, reduction).reduction).toBe("sum");
    expect(() => readOptions("accumulate", { reduction: "max" }, reduction)).toThrow(
      new TypeError('accumulate: reduction is "max", expected "sum" or "mean"'),
    );
  });

  it("takes a number exactly if it is in range, and changes nothing", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        if (value >= 0 && value < 1) expect(read({ b1: value })).toEqual({ ...defaults, b1: value });
        else expect(() => read({ b1: value })).toThrow(RangeError);
      }),
    );
  });

  it("answers anything else with a TypeError or RangeError that begins with the function's name", () => {
    fc.assert(
      fc.property(fc.anything(), fc.constantFrom("b1", "decay", "nesterov", undefined), (value, name) => {
        try {
          read(name === undefined ? value : { [name]: value });
        } catch (error) {
          expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
          expect((error as Error).message).toMatch(/^adam( takes| has|:)/);
        }
      }),
    );
  });
});

describe("ranges", () => {
  it.each([
    ["finite", finite, [0, -0, -1, 1e38], [NaN, Infinity, -Infinity]],
    ["positive", positive, [5e-324, 1], [0, -0, -1, NaN]],
    ["nonNegative", nonNegative, [0, -0, 1], [-5e-324, NaN]],
    ["unit", unit, [0, -0, 0.5, 1 - 2 ** -53], [1, -5e-324, NaN]],
    ["atLeast(4)", atLeast(4), [4, 5], [3.999, NaN]],
    ["positiveInteger", positiveInteger, [1, 2 ** 53 - 1], [0, 1.5, -1, 2 ** 53, NaN]],
    ["nonNegativeInteger", nonNegativeInteger, [0, 1, 2 ** 53 - 1], [0.5, -1, 2 ** 53, NaN]],
  ])("%s", (_, range, inside, outside) => {
    for (const value of inside) expect([value, range.holds(value)]).toEqual([value, true]);
    for (const value of outside) expect([value, range.holds(value)]).toEqual([value, false]);
  });
});

describe("resolve", () => {
  it("gives a number, a schedule's value at the step, or a control's value now", () => {
    const rate = control(0.5);
    expect(resolve(2, 7, "scale", "factor")).toBe(2);
    expect(resolve((step) => step * 2, 7, "scale", "factor")).toBe(14);
    expect(resolve(rate, 7, "scale", "factor")).toBe(0.5);
    rate.value = 0.25;
    expect(resolve(rate, 8, "scale", "factor")).toBe(0.25);
  });

  it.each([
    [NaN, "scale: factor is NaN at step 7, expected a finite number"],
    [Infinity, "scale: factor is Infinity at step 7, expected a finite number"],
    [1e39, "scale: factor is 1e+39 at step 7, expected a finite number, at most 3.4e38 (float32)"],
    [undefined, "scale: factor is undefined at step 7, expected a finite number"],
    ["1", 'scale: factor is "1" at step 7, expected a finite number'],
    [1n, "scale: factor is 1n at step 7, expected a finite number"],
    [Promise.resolve(1), "scale: factor is an instance of Promise at step 7, expected a finite number"],
  ])("refuses a schedule that returns %s", (value, message) => {
    const schedule = (() => value) as () => number;
    expect(() => resolve(schedule, 7, "scale", "factor")).toThrow(new RangeError(message));
  });

  it("refuses a control outside the range", () => {
    const b1 = control(0.5);
    const options = read({ b1 });
    b1.value = 1.5;
    expect(() => resolve(options.b1, 3, "adam", "b1", unit)).toThrow(
      new RangeError("adam: b1 is 1.5 at step 3, expected a number in [0, 1)"),
    );
    expect(() => resolveAll(options, 3, "adam", spec)).toThrow(
      new RangeError("adam: b1 is 1.5 at step 3, expected a number in [0, 1)"),
    );
  });

  it("resolveAll gives every option at the step", () => {
    const options = read({ learningRate: (step: number) => 1 / (1 + step), b1: control(0.8), nesterov: true });
    expect(resolveAll(options, 3, "adam", spec)).toEqual({ ...defaults, learningRate: 0.25, b1: 0.8, nesterov: true });
  });
});

describe("control", () => {
  it("is set between steps", () => {
    const rate = control(1e-3);
    expect(rate.value).toBe(1e-3);
    rate.value = 1e-4;
    expect(rate.value).toBe(1e-4);
  });

  it("refuses what is not a finite number, and keeps its value", () => {
    const rate = control(1e-3);
    for (const value of [NaN, Infinity, -Infinity]) {
      const error = new RangeError(`control: value is ${value}, expected a finite number`);
      expect(() => control(value)).toThrow(error);
      expect(() => {
        rate.value = value;
      }).toThrow(error);
    }
    for (const value of ["1", null, undefined, 1n, {}]) {
      const error = new TypeError(`control: value is of type ${typeof value}, expected a finite number`);
      expect(() => control(value as number)).toThrow(error);
      expect(() => {
        rate.value = value as number;
      }).toThrow(error);
    }
    expect(rate.value).toBe(1e-3);
  });

  it("is known by isControl", () => {
    expect(isControl(control(1))).toBe(true);
    for (const value of [{ value: 1 }, 1, null, undefined]) expect(isControl(value)).toBe(false);
  });
});

describe("show", () => {
  it("is short, whatever it is given", () => {
    expect(show("x".repeat(1000))).toBe(`"${"x".repeat(40)}…"`);
    expect(show(Object.create(null))).toBe("an object");
    expect(show(Symbol("s"))).toBe("Symbol(s)");
    expect(show(undefined)).toBe("undefined");
  });
});

it("types follow from the spec", () => {
  expectTypeOf<Resolved<typeof spec>["b1"]>().toEqualTypeOf<Scalar>();
  expectTypeOf<Resolved<typeof spec>["decay"]>().toEqualTypeOf<number>();
  expectTypeOf<Resolved<typeof spec>["nesterov"]>().toEqualTypeOf<boolean>();
  expectTypeOf<AtStep<typeof spec>["b1"]>().toEqualTypeOf<number>();
  expectTypeOf<AtStep<typeof spec>["nesterov"]>().toEqualTypeOf<boolean>();
  expectTypeOf(control(1)).toEqualTypeOf<Control>();
  type Pair = { readonly b1?: Scalar | undefined; readonly nesterov?: boolean | undefined };
  const b1 = scalar(0.9, unit);
  const nesterov = flag(false);
  // @ts-expect-error nesterov is missing
  void ({ b1 } satisfies OptionSpec<Pair>);
  // @ts-expect-error eps is not an option
  void ({ b1, nesterov, eps: scalar(1e-8, nonNegative) } satisfies OptionSpec<Pair>);
  // @ts-expect-error b1 may be a schedule
  void ({ b1: number(0.9, unit), nesterov } satisfies OptionSpec<Pair>);
  // @ts-expect-error b1 may not be a schedule
  void ({ b1, nesterov } satisfies OptionSpec<{ readonly b1?: number; readonly nesterov?: boolean }>);
});
