import { describe, expect, it } from "vitest";
import {
  cosineDecay,
  exponentialDecay,
  join,
  linear,
  sgdr,
  warmupConstant,
  warmupCosine,
  warmupExponential,
} from "../../src/schedules/index.ts";
import { expectClose } from "../support/close.ts";

const steps = Array.from({ length: 40 }, (_, step) => step);
const up = { initValue: 0.1, peakValue: 0.7, warmupSteps: 6 };
const line = linear({ initValue: 0.1, endValue: 0.7, transitionSteps: 6 });

describe("a warm-up is a line, joined to what follows", () => {
  it("warmupConstant", () => {
    expect(steps.map(warmupConstant(up))).toEqual(steps.map(line));
  });

  it("warmupCosine", () => {
    const after = { initValue: 0.7, decaySteps: 20, alpha: 0.05 / 0.7, exponent: 1.5 };
    const joined = join({ schedules: [line, cosineDecay(after)], boundaries: [6] });
    const rate = warmupCosine({ ...up, decaySteps: 26, endValue: 0.05, exponent: 1.5 });
    expectClose(steps.map(rate), steps.map(joined), 1e-15, "value");
    expect([0, 6, 26, 27, 1e9].map(rate)).toEqual([0.1, 0.7, 0.05, 0.05, 0.05]);
  });

  it("warmupExponential", () => {
    const decay = { transitionSteps: 5, decayRate: 0.6, transitionBegin: 3, staircase: true, endValue: 0.2 };
    const joined = join({ schedules: [line, exponentialDecay({ initValue: 0.7, ...decay })], boundaries: [6] });
    expect(steps.map(warmupExponential({ ...up, ...decay }))).toEqual(steps.map(joined));
  });
});

it("without steps a warm-up is over at step 0", () => {
  const none = { initValue: 0.1, peakValue: 0.7, warmupSteps: 0 };
  expect(warmupConstant(none)(0)).toBe(0.7);
  expect(warmupCosine({ ...none, decaySteps: 1 })(0)).toBe(0.7);
  expect(warmupExponential({ ...none, transitionSteps: 1, decayRate: 0.5 })(0)).toBe(0.7);
});

it("one step of warm-up, one of decay", () => {
  const rate = warmupCosine({ peakValue: 1, warmupSteps: 1, decaySteps: 2, endValue: 0.5 });
  expect([0, 1, 2, 3].map(rate)).toEqual([0, 1, 0.5, 0.5]);
});

describe("sgdr", () => {
  const cycle = { ...up, decaySteps: 20, endValue: 0.05 };

  it("of one cycle is warmupCosine", () => {
    expect(steps.map(sgdr({ cycles: [cycle] }))).toEqual(steps.map(warmupCosine(cycle)));
  });

  it("begins the next cycle after decaySteps, and keeps the last value", () => {
    const second = { peakValue: 0.3, warmupSteps: 2, decaySteps: 5 };
    const rate = sgdr({ cycles: [cycle, second, second] });
    expect([6, 20, 22, 25, 27, 30, 1e9].map(rate)).toEqual([0.7, 0, 0.3, 0, 0.3, 0, 0]);
  });
});
