// What holds of every schedule whatever its options: finite values within the bounds that the options name, the same
// value for the same step, and no jumps where a schedule promises none.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as schedules from "../../src/schedules/index.ts";

const runs = { numRuns: 300, seed: 7 };

interface Made {
  readonly rate: schedules.Schedule;
  /** Values that bound all others, the ends included. */
  readonly values: readonly number[];
  /** Steps where the value must be exactly this. */
  readonly met: readonly (readonly [step: number, value: number])[];
  /** The largest change in a step as a part of the bounds' distance, where the schedule does not jump. */
  readonly slope?: number;
  /** From which step on the value is the same; `null` where it never is. */
  readonly end: number | null;
}

/** No -0 and nothing so small that the least number a double holds would be a jump. */
const value = fc.double({ min: -1e3, max: 1e3, noNaN: true }).map((any) => (Math.abs(any) < 1e-6 ? 0 : any));
const length = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1e6 }));
const begin = fc.nat(20);
const interpolate = fc.constantFrom("linear", "cosine");
/** Half a wave of the cosine is at most π/2 times as steep as a line. */
const steepness = (way: string) => (way === "linear" ? 1 : Math.PI / 2);

const linear = fc
  .tuple(value, value, length, begin)
  .map(([initValue, endValue, transitionSteps, transitionBegin]): Made => {
    const end = transitionBegin + transitionSteps;
    return {
      rate: schedules.linear({ initValue, endValue, transitionSteps, transitionBegin }),
      values: [initValue, endValue],
      met: [
        [0, initValue],
        [transitionBegin, initValue],
        [end, endValue],
      ],
      slope: 1 / transitionSteps,
      end,
    };
  });

const warmupCosine = fc
  .tuple(value, value, value, fc.nat(30), length)
  .map(([initValue, peakValue, endValue, warmupSteps, rest]): Made => {
    const decaySteps = warmupSteps + rest;
    return {
      rate: schedules.warmupCosine({ initValue, peakValue, endValue, warmupSteps, decaySteps }),
      values: [initValue, peakValue, endValue],
      met: [
        [0, warmupSteps > 0 ? initValue : peakValue],
        [warmupSteps, peakValue],
        [decaySteps, endValue],
      ],
      slope: Math.max(warmupSteps > 0 ? 1 / warmupSteps : 0, Math.PI / 2 / rest),
      end: decaySteps,
    };
  });

const warmupExponential = fc
  .tuple(value, value, fc.nat(30), length, fc.double({ min: 1e-3, max: 1, noNaN: true }), fc.boolean())
  .map(
    ([initValue, peakValue, warmupSteps, transitionSteps, decayRate, staircase]): Made => ({
      rate: schedules.warmupExponential({ initValue, peakValue, warmupSteps, transitionSteps, decayRate, staircase }),
      values: [initValue, peakValue, 0],
      met: [
        [0, warmupSteps > 0 ? initValue : peakValue],
        [warmupSteps, peakValue],
      ],
      end: null,
    }),
  );

const stairs = fc.tuple(
  value,
  fc.dictionary(fc.nat(60).map(String), fc.double({ min: 0, max: 2, noNaN: true }), { maxKeys: 5 }),
);
const pointsOf = (initValue: number, scales: Readonly<Record<number, number>>) => {
  let last = initValue;
  return Object.entries(scales).map(([step, scale]) => {
    last *= scale;
    return [Number(step), last] as const;
  });
};

const piecewiseConstant = stairs.map(([initValue, boundariesAndScales]): Made => {
  const points = pointsOf(initValue, boundariesAndScales);
  return {
    rate: schedules.piecewiseConstant({ initValue, boundariesAndScales }),
    values: [initValue, ...points.map(([, each]) => each)],
    met: points,
    end: points.at(-1)?.[0] ?? 0,
  };
});

const piecewiseInterpolate = fc.tuple(stairs, interpolate).map(([[initValue, boundariesAndScales], way]): Made => {
  const points = pointsOf(initValue, boundariesAndScales);
  const steps = [0, ...points.map(([step]) => step)];
  const shortest = Math.min(...steps.flatMap((step, i) => (i > 0 && step > steps[i - 1]! ? step - steps[i - 1]! : [])));
  return {
    rate: schedules.piecewiseInterpolate({ initValue, boundariesAndScales, interpolate: way }),
    values: [initValue, ...points.map(([, each]) => each)],
    met: points,
    slope: steepness(way) / shortest,
    end: points.at(-1)?.[0] ?? 0,
  };
});

const factor = fc.double({ min: 1, max: 1e4, noNaN: true });
const oneCycle = fc
  .tuple(
    value,
    fc.integer({ min: 3, max: 1000 }),
    fc.integer({ min: 1, max: 98 }),
    fc.boolean(),
    factor,
    factor,
    interpolate,
  )
  .map(([peakValue, transitionSteps, percent, returns, divFactor, finalDivFactor, way]): Made => {
    const peakStep = Math.floor((percent / 100) * (transitionSteps - 1));
    const returnStep = returns ? (peakStep + transitionSteps) / 2 : null;
    const first = peakValue / divFactor;
    const last = first / finalDivFactor;
    const lengths = [peakStep, (returnStep ?? transitionSteps) - peakStep].filter((each) => each > 0);
    return {
      rate: schedules.oneCycle({
        peakValue,
        transitionSteps,
        peakStep,
        returnStep,
        divFactor,
        finalDivFactor,
        interpolate: way,
      }),
      values: [first, peakValue, last],
      met: [
        [0, peakStep > 0 ? first : peakValue],
        [peakStep, peakValue],
        [returnStep ?? transitionSteps, returnStep === null ? last : first],
        [transitionSteps, last],
      ],
      slope: steepness(way) / Math.min(...lengths, transitionSteps - (returnStep ?? peakStep)),
      end: transitionSteps,
    };
  });

const damping = fc.double({ min: 0.5, max: 1, noNaN: true });
const cyclic = fc.tuple(value, value, length, length, damping, interpolate).map(
  ([initValue, peakValue, stepsUp, stepsDown, cycleFactor, way]): Made => ({
    rate: schedules.cyclic({ initValue, peakValue, stepsUp, stepsDown, cycleFactor, interpolate: way }),
    values: [initValue, peakValue],
    met: [
      [0, initValue],
      [stepsUp, peakValue],
      [stepsUp + stepsDown, initValue],
      [3 * (stepsUp + stepsDown), initValue],
    ],
    slope: steepness(way) / Math.min(stepsUp, stepsDown),
    end: null,
  }),
);

const cosineRestarts = fc.tuple(value, value, length, fc.integer({ min: 1, max: 4 })).map(
  ([initValue, endValue, decaySteps, periodFactor]): Made => ({
    rate: schedules.cosineRestarts({ initValue, endValue, decaySteps, periodFactor }),
    values: [initValue, endValue],
    met: [
      [0, initValue],
      [decaySteps, initValue],
      [decaySteps * (1 + periodFactor), initValue],
    ],
    end: null,
  }),
);

/** Near the beginning, or anywhere. */
const anyStep = fc.oneof(fc.nat(100), fc.nat(3e6), fc.maxSafeNat());

const continuous = { linear, warmupCosine, piecewiseInterpolate, oneCycle, cyclic };
const jumping = { warmupExponential, piecewiseConstant, cosineRestarts };

describe.each(Object.entries({ ...continuous, ...jumping }))("%s", (_, made) => {
  it("is finite, within its values and the same whenever it is asked", () => {
    fc.assert(
      fc.property(made, anyStep, ({ rate, values }, step) => {
        const now = rate(step);
        // A last bit of the largest: what interpolation rounds.
        const room = 2 ** -51 * Math.max(...values.map(Math.abs));
        expect(now).toBeGreaterThanOrEqual(Math.min(...values) - room);
        expect(now).toBeLessThanOrEqual(Math.max(...values) + room);
        rate(step + 1);
        expect(rate(step)).toBe(now);
      }),
      runs,
    );
  });

  it("meets the values of its options exactly, and keeps the last", () => {
    fc.assert(
      fc.property(made, fc.nat(1e9), ({ rate, met, end }, more) => {
        // + 0: a -0 among the values may be met as 0.
        for (const [step, expected] of met) expect(rate(step) + 0, `step ${step}`).toBe(expected + 0);
        if (end !== null) expect(rate(end + more)).toBe(rate(end));
      }),
      runs,
    );
  });
});

it.each(Object.entries(continuous))("%s does not jump", (_, made) => {
  fc.assert(
    fc.property(made, fc.double({ min: 0, max: 1.2, noNaN: true }), ({ rate, values, slope, end }, part) => {
      const step = Math.floor(part * (end ?? 2e6));
      const distance = Math.max(...values) - Math.min(...values);
      const rounding = 2 ** -50 * Math.max(...values.map(Math.abs));
      expect(Math.abs(rate(step + 1) - rate(step))).toBeLessThanOrEqual(slope! * distance + rounding);
    }),
    runs,
  );
});
