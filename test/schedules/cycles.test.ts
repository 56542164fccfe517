import { describe, expect, it } from "vitest";
import { cosineDecay, cosineRestarts, cyclic, oneCycle } from "../../src/schedules/index.ts";
import { expectClose } from "../support/close.ts";

const steps = Array.from({ length: 60 }, (_, step) => step);

describe("oneCycle", () => {
  const cycle = { peakValue: 1, transitionSteps: 20, divFactor: 4, finalDivFactor: 5 };

  it("meets its values, and has its peak after 3 steps of 10 if nothing else is said", () => {
    for (const interpolate of ["linear", "cosine"] as const) {
      const rate = oneCycle({ ...cycle, interpolate });
      expect([0, 6, 20, 21, 1e9].map(rate)).toEqual([0.25, 1, 0.05, 0.05, 0.05]);
      const back = oneCycle({ ...cycle, peakStep: 5, returnStep: 15, interpolate });
      expect([0, 5, 15, 20, 1e9].map(back)).toEqual([0.25, 1, 0.25, 0.05, 0.05]);
    }
  });

  it("has its peak between two steps where peakStep is no integer", () => {
    const rate = oneCycle({ ...cycle, peakStep: 2.5, interpolate: "linear" });
    expect(rate(2)).toBeCloseTo(0.25 + 0.75 * 0.8, 15);
    expect(rate(3)).toBeCloseTo(1 - (0.95 * 0.5) / 17.5, 15);
  });

  it("begins at the peak where peakStep is 0, as in a cycle of one step", () => {
    expect([0, 20].map(oneCycle({ ...cycle, peakStep: 0 }))).toEqual([1, 0.05]);
    expect([0, 1, 2].map(oneCycle({ ...cycle, transitionSteps: 1 }))).toEqual([1, 0.05, 0.05]);
  });
});

describe("cyclic", () => {
  it("takes stepsUp up and stepsDown down, and begins again", () => {
    const rate = cyclic({ initValue: 1, peakValue: 3, stepsUp: 1, stepsDown: 4 });
    expect([0, 1, 2, 3, 4, 5, 6].map(rate)).toEqual([1, 3, 2.5, 2, 1.5, 1, 3]);
    expect(rate(5e15 + 1)).toBe(3);
  });

  it("cycleFactor lowers whole cycles, stepFactor each step", () => {
    const cycle = { initValue: 1, peakValue: 3, stepsUp: 2 };
    const lower = cyclic({ ...cycle, cycleFactor: 0.5 });
    expect([0, 1, 2, 3, 4, 5, 6, 10].map(lower)).toEqual([1, 2, 3, 2, 1, 1.5, 2, 1.5]);
    const range = cyclic({ ...cycle, stepFactor: 0.5 });
    expect([0, 1, 2, 3, 4, 6].map(range)).toEqual([1, 1.5, 1.5, 1.125, 1, 1 + 2 / 64]);
    expect([lower, range].map((rate) => rate(1e9 + 2))).toEqual([1, 1]);
  });

  it("along a cosine is cosineDecay, and the same way back", () => {
    const rate = cyclic({ initValue: 0.5, peakValue: 0, stepsUp: 12, interpolate: "cosine" });
    const decay = cosineDecay({ initValue: 0.5, decaySteps: 12 });
    expectClose(steps.slice(0, 13).map(rate), steps.slice(0, 13).map(decay), 1e-15, "value");
    for (let step = 0; step <= 12; step++) expect(rate(24 - step)).toBeCloseTo(rate(step), 15);
    expect([0, 12, 24, 36].map(rate)).toEqual([0.5, 0, 0.5, 0]);
  });
});

describe("cosineRestarts", () => {
  it("begins each period at initValue, in the curve of cosineDecay", () => {
    const rate = cosineRestarts({ initValue: 0.4, endValue: 0.1, decaySteps: 5 });
    const decay = cosineDecay({ initValue: 0.4, decaySteps: 5, alpha: 0.25 });
    const expected = steps.map((step) => decay(step % 5));
    expectClose(steps.map(rate), expected, 1e-15, "value");
    expect(rate(5e15)).toBe(0.4);
  });

  it("stretches each period by periodFactor", () => {
    const rate = cosineRestarts({ initValue: 0.4, decaySteps: 3, periodFactor: 3 });
    const peaks = Array.from({ length: 200 }, (_, step) => step).filter((step) => rate(step) === 0.4);
    expect(peaks).toEqual([0, 3, 12, 39, 120]);
    expect(rate(3 + 3)).toBeCloseTo(rate(1), 15);
    expect(rate((3 * (3 ** 30 - 1)) / 2)).toBe(0.4);
  });

  it("of periods of one step is constant", () => {
    expect(new Set(steps.map(cosineRestarts({ initValue: 0.4, decaySteps: 1 })))).toEqual(new Set([0.4]));
  });
});
