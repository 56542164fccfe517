import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Schedule } from "../../src/schedules/index.ts";
import { constant, cosineDecay, exponentialDecay, polynomialDecay } from "../../src/schedules/index.ts";

interface Golden {
  readonly schedules: readonly {
    readonly schedule: string;
    readonly opts: Readonly<Record<string, number | boolean>>;
    readonly values: readonly number[];
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../golden/axon-0.3.1.json", import.meta.url), "utf8"));
const schedules: Record<string, (options: object) => Schedule> = {
  exponential_decay: exponentialDecay,
  cosine_decay: cosineDecay,
  constant,
  polynomial_decay: polynomialDecay,
};
const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

describe("Axon's golden values, within 1e-6 relative", () => {
  it("cover every schedule", () => {
    expect(new Set(golden.schedules.map(({ schedule }) => schedule))).toEqual(new Set(Object.keys(schedules)));
  });

  it.each(golden.schedules)("$schedule $opts", ({ schedule, opts, values }) => {
    const options = Object.fromEntries(Object.entries(opts).map(([name, value]) => [camelCase(name), value]));
    const at = schedules[schedule]!(options);
    expect(values.length).toBeGreaterThan(0);
    values.forEach((value, step) => {
      expect(Math.abs(at(step) - value), `step ${step}: ${at(step)}, expected ${value}`).toBeLessThanOrEqual(
        1e-6 * Math.abs(value),
      );
    });
  });
});

describe("exponentialDecay", () => {
  it("begins at initValue and stays until transitionBegin", () => {
    const rate = exponentialDecay({ initValue: 0.3, transitionBegin: 5 });
    for (let step = 0; step <= 5; step++) expect(rate(step)).toBe(0.3);
    expect(rate(6)).toBeLessThan(0.3);
  });

  it("ends at 0, not below, and never is NaN", () => {
    const rate = exponentialDecay({ decayRate: 0.5, transitionSteps: 1 });
    expect(rate(2 ** 40)).toBe(0);
    expect(exponentialDecay({ decayRate: 0.5, transitionSteps: 3 })(2 ** 40)).toBe(0);
  });

  it("a staircase touches the smooth curve at whole transitions", () => {
    const stairs = exponentialDecay({ transitionSteps: 4, staircase: true });
    const smooth = exponentialDecay({ transitionSteps: 4 });
    for (let step = 0; step < 40; step += 4) expect(stairs(step)).toBe(smooth(step));
    expect(stairs(7)).toBe(stairs(4));
  });

  it("stops at endValue: a lower bound of what falls, an upper one of what rises, at every step", () => {
    const falling = { initValue: 1, decayRate: 0.5, transitionSteps: 1 };
    expect([0, 1, 2, 3, 1e9].map(exponentialDecay({ ...falling, endValue: 0.2 }))).toEqual([1, 0.5, 0.25, 0.2, 0.2]);
    expect(exponentialDecay({ ...falling, endValue: 3 })(0)).toBe(3);
    const rising = { ...falling, decayRate: 2 };
    expect([0, 1, 2, 3, 1e9].map(exponentialDecay({ ...rising, endValue: 5 }))).toEqual([1, 2, 4, 5, 5]);
    expect(exponentialDecay({ ...falling, decayRate: 1, endValue: 0.5 })(0)).toBe(0.5);
    expect(exponentialDecay({ ...falling, endValue: null })(1e9)).toBe(0);
  });
});

describe("cosineDecay", () => {
  it("goes from initValue to alpha · initValue, and stays there", () => {
    const rate = cosineDecay({ initValue: 0.4, decaySteps: 7, alpha: 0.25 });
    expect(rate(0)).toBe(0.4);
    expect(rate(7)).toBe(0.1);
    expect(rate(1e9)).toBe(0.1);
  });

  it("raises the wave, not what remains at the end, to the exponent", () => {
    const rate = cosineDecay({ initValue: 2, decaySteps: 4, alpha: 0.25, exponent: 2 });
    expect(rate(0)).toBe(2);
    expect(rate(2)).toBeCloseTo(2 * (0.75 * 0.25 + 0.25), 14);
    expect([rate(4), rate(5)]).toEqual([0.5, 0.5]);
    expect(cosineDecay({ initValue: 1, decaySteps: 4, exponent: 0.1 })(4)).toBe(0);
  });

  it("keeps its digits where the decay is long", () => {
    const decaySteps = 1e8;
    const last = cosineDecay({ initValue: 1, decaySteps })(decaySteps - 1);
    expect(Math.abs(last / (Math.PI / (2 * decaySteps)) ** 2 - 1)).toBeLessThan(1e-14);
  });
});

describe("constant", () => {
  it("is constant", () => {
    const rate = constant({ initValue: 0.7 });
    expect([rate(0), rate(1e9)]).toEqual([0.7, 0.7]);
  });
});

describe("polynomialDecay", () => {
  it("begins after transitionBegin and ends at endValue, exactly", () => {
    const rate = polynomialDecay({ initValue: 1, endValue: 0.3, power: 1.5, transitionSteps: 4, transitionBegin: 2 });
    expect([rate(0), rate(1), rate(2)]).toEqual([1, 1, 1]);
    expect(rate(3)).toBeLessThan(1);
    expect([rate(6), rate(7), rate(1e9)]).toEqual([0.3, 0.3, 0.3]);
  });

  it("rises where endValue is above initValue", () => {
    const warmup = polynomialDecay({ initValue: 0, endValue: 1, power: 1, transitionSteps: 4 });
    expect([0, 1, 2, 3, 4].map(warmup)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });
});

describe("bad options", () => {
  it.each<[string, () => Schedule]>([
    ["cosineDecay: decaySteps is 0, expected an integer >= 1", () => cosineDecay({ decaySteps: 0 })],
    ["cosineDecay: decaySteps is 1.5, expected an integer >= 1", () => cosineDecay({ decaySteps: 1.5 })],
    ["cosineDecay: alpha is -1, expected a finite number >= 0", () => cosineDecay({ alpha: -1 })],
    ["cosineDecay: exponent is 0, expected a finite number > 0", () => cosineDecay({ exponent: 0 })],
    ["exponentialDecay: endValue is NaN, expected a finite number", () => exponentialDecay({ endValue: NaN })],
    ["constant: initValue is NaN, expected a finite number", () => constant({ initValue: NaN })],
    ["exponentialDecay: decayRate is 0, expected a finite number > 0", () => exponentialDecay({ decayRate: 0 })],
    ["polynomialDecay: power is 0, expected a finite number > 0", () => polynomialDecay({ power: 0 })],
    [
      "polynomialDecay: transitionBegin is -1, expected an integer >= 0",
      () => polynomialDecay({ transitionBegin: -1 }),
    ],
  ])("%s", (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });

  it("are refused with their names", () => {
    const given: unknown = { init_value: 1 };
    expect(() => cosineDecay(given as object)).toThrow(
      new TypeError(
        "cosineDecay has no option init_value; did you mean initValue? It takes initValue, decaySteps, alpha, exponent",
      ),
    );
    const rate: unknown = 1e-3;
    expect(() => constant(rate as object)).toThrow(
      new TypeError("constant takes one options object, as in constant({ initValue: 0.01 }), got 0.001"),
    );
  });
});
