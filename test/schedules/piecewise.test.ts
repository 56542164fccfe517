import { describe, expect, it } from "vitest";
import { constant, join, linear, piecewiseConstant, piecewiseInterpolate } from "../../src/schedules/index.ts";

describe("linear", () => {
  it("waits for transitionBegin, meets both ends exactly and stays", () => {
    const rate = linear({ initValue: 0.1, endValue: 0.3, transitionSteps: 3, transitionBegin: 2 });
    expect([0, 1, 2].map(rate)).toEqual([0.1, 0.1, 0.1]);
    expect(rate(3)).toBeGreaterThan(0.1);
    expect([5, 6, Number.MAX_SAFE_INTEGER].map(rate)).toEqual([0.3, 0.3, 0.3]);
  });

  it("takes one step, and does not lose a value that is the same on both ends", () => {
    expect([0, 1, 2].map(linear({ initValue: 1, endValue: -1, transitionSteps: 1 }))).toEqual([1, -1, -1]);
    const level = linear({ initValue: 0.1, endValue: 0.1, transitionSteps: 7 });
    for (let step = 0; step < 9; step++) expect(level(step)).toBe(0.1);
  });
});

describe("piecewiseConstant", () => {
  it("changes at a step itself, in whatever order the steps stand", () => {
    const rate = piecewiseConstant({ initValue: 1, boundariesAndScales: { 10: 0.5, 2: 0.25, 10000000000: 4 } });
    expect([0, 1, 2, 9, 10, 9999999999, 1e10].map(rate)).toEqual([1, 1, 0.25, 0.25, 0.125, 0.125, 0.5]);
  });

  it("may change at step 0, may reach 0, may change never", () => {
    expect([0, 1, 2].map(piecewiseConstant({ initValue: 8, boundariesAndScales: { 0: 0.5, 2: 0 } }))).toEqual([
      4, 4, 0,
    ]);
    expect(piecewiseConstant({ initValue: 8, boundariesAndScales: {} })(1e9)).toBe(8);
  });

  it("keeps what it was given, though the caller's object changes", () => {
    const boundariesAndScales: Record<number, number> = { 1: 0.5 };
    const rates = [piecewiseConstant, piecewiseInterpolate].map((make) => make({ initValue: 1, boundariesAndScales }));
    boundariesAndScales[1] = 7;
    for (const rate of rates) expect(rate(1)).toBe(0.5);
  });
});

describe("piecewiseInterpolate", () => {
  const boundariesAndScales = { 4: 0.5, 10: 0.2, 11: 3 };

  it.each(["linear", "cosine"] as const)(
    "%s: meets piecewiseConstant's values at its steps, and keeps the last",
    (way) => {
      const between = piecewiseInterpolate({ initValue: 0.7, boundariesAndScales, interpolate: way });
      const stairs = piecewiseConstant({ initValue: 0.7, boundariesAndScales });
      for (const step of [0, 4, 10, 11, 12, 1e9]) expect(between(step)).toBe(stairs(step));
      expect(between(2)).toBeCloseTo((stairs(0) + stairs(4)) / 2, 15);
    },
  );

  it("a cosine leaves each value slowly", () => {
    const rate = piecewiseInterpolate({ initValue: 1, boundariesAndScales: { 4: 0 }, interpolate: "cosine" });
    expect(rate(1)).toBeCloseTo((1 + Math.SQRT1_2) / 2, 15);
    expect(rate(3)).toBeCloseTo((1 - Math.SQRT1_2) / 2, 15);
  });

  it("begins with the scaled value where a step is 0", () => {
    expect([0, 1, 2].map(piecewiseInterpolate({ initValue: 8, boundariesAndScales: { 0: 0.5, 2: 0 } }))).toEqual([
      4, 2, 0,
    ]);
  });
});

describe("join", () => {
  const count = (step: number) => step;

  it("gives each schedule its own steps, from 0", () => {
    const rate = join({ schedules: [count, (step) => 100 + step, count], boundaries: [3, 5] });
    expect([0, 1, 2, 3, 4, 5, 6, 7].map(rate)).toEqual([0, 1, 2, 100, 101, 0, 1, 2]);
  });

  it("asks only the schedule of the step, and leaves one out whose boundary is met at once", () => {
    const never = () => {
      throw new Error("asked");
    };
    expect(join({ schedules: [never, count], boundaries: [0] })(0)).toBe(0);
    expect(join({ schedules: [count, never, count], boundaries: [4, 4] })(4)).toBe(0);
    expect(join({ schedules: [count], boundaries: [] })(9)).toBe(9);
  });

  it("joins what was joined", () => {
    const inner = join({ schedules: [constant({ initValue: 1 }), count], boundaries: [2] });
    expect([0, 3, 4, 5, 6].map(join({ schedules: [count, inner], boundaries: [3] }))).toEqual([0, 1, 1, 0, 1]);
  });

  it("keeps what it was given, though the caller's arrays change", () => {
    const [schedules, boundaries] = [[count, constant({ initValue: 7 })], [2]];
    const rate = join({ schedules, boundaries });
    schedules.pop();
    boundaries[0] = 99;
    expect([1, 2].map(rate)).toEqual([1, 7]);
  });
});
