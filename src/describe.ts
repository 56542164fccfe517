// The entry "lanestep/describe": a chain as text. The formulas are those of the docstrings; x is the incoming update.

import { isControl } from "./control.ts";
import { requireUpdate, type Update } from "./update.ts";
import type { BoundRule } from "./updates/rule.ts";

const FORMULAS: Readonly<Record<string, string>> = {
  accumulate: "s ← Σ x over every calls;  x ← s/every, or with mean false s",
  addDecayedWeights: "x ← x + decay·p",
  addNoise: "x ← x + √(eta/t^gamma)·z, z normal",
  averageParams: "a ← a + r·(p + x − a), r = (1 − decay)/(1 − decayᵗ), without debias 1 − decay",
  centralize: "x ← x − mean(x) over all axes but the first",
  clip: "x ← max(min(x, delta), −delta)",
  clipByGlobalNorm: "x ← x·min(1, maxNorm/‖x‖), ‖x‖ over all leaves",
  ema: "m ← decay·m + (1 − decay)·x;  x ← m/(1 − decayᵗ), without debias m",
  freeze: "x ← 0",
  lookahead: "each every steps s ← s + rate·(p + x − s);  x ← s − p",
  masked: "x ← x where the mask is false",
  partition: "by label",
  reduceOnPlateau: "x ← scale·x, the scale times factor when the value has not fallen for patience steps",
  scale: "x ← step·x",
  scaleByAdadelta: "g ← rho·g + (1 − rho)·x²;  y = √(d + eps)/√(g + eps)·x;  d ← rho·d + (1 − rho)·y²;  x ← y",
  scaleByAdam: "m ← b1·m + (1 − b1)·x;  v ← b2·v + (1 − b2)·x²;  x ← m̂/(√(v̂ + epsRoot) + eps)",
  scaleByAdamax: "m ← b1·m + (1 − b1)·x;  v ← max(b2·v, |x| + eps);  x ← m̂/v",
  scaleByBelief: "m ← b1·m + (1 − b1)·x;  v ← b2·v + (1 − b2)·(x − m)² + epsRoot;  x ← m̂/(√v̂ + eps)",
  scaleByLearningRate: "x ← −learningRate·x",
  scaleByLion: "c = b1·m + (1 − b1)·x;  m ← b2·m + (1 − b2)·x;  x ← sign(c)",
  scaleByRadam: "as Adam times its rectification;  x ← m̂ while the variance is not tractable",
  scaleByRms: "v ← decay·v + (1 − decay)·x²;  x ← x/√(v + eps)",
  scaleByRss: "s ← s + x²;  x ← x/√(s + eps) where s > 0, else 0",
  scaleBySchedule: "x ← schedule(t − 1)·x",
  scaleByState: "x ← scale·x",
  scaleByStddev: "m ← decay·m + (1 − decay)·x;  v ← decay·v + (1 − decay)·x²;  x ← x/√(max(v − m², 0) + eps)",
  scaleByTrustRatio: "x ← x·trustCoefficient·‖p‖/(‖x‖ + eps), leaf by leaf, norms at least minNorm",
  scaleByYogi: "m ← b1·m + (1 − b1)·x;  v ← v − (1 − b2)·sign(v − x²)·x²;  x ← m̂/(√(v̂ + epsRoot) + eps)",
  skipNonFinite: "no step where x has NaN or an infinity",
  stateful: "x, s ← apply(x, s, p), a function",
  stateless: "x ← apply(x, p), a function",
  trace: "T ← x + decay·T;  x ← T, with nesterov x + decay·T",
  zeroNans: "x ← 0 where x is NaN",
};

/**
 * A chain in words: a line for each rule, with its formula and its options.
 *
 * x is the incoming update, p the parameter, t the step counted from 1
 *
 * @param update an update
 * @returns lines of text
 * @throws TypeError for what is no update
 *
 * @example
 * ```ts
 * describe(chain(clipByGlobalNorm({ maxNorm: 1 }), scale(-0.1)));
 * // => "clipByGlobalNorm  x ← x·min(1, maxNorm/‖x‖), ‖x‖ over all leaves  (maxNorm 1, order 2)\nscale  x ← step·x  (step -0.1)"
 * ```
 */
export function describe(update: Update): string {
  requireUpdate(update, "describe: its argument");
  return lines(update.rules, "").join("\n");
}

const lines = (rules: readonly BoundRule[], indent: string): string[] =>
  rules.flatMap(({ rule, options }) => {
    const given = Object.entries(options).map(([name, value]) => `${name} ${inWords(value)}`);
    const line = `${indent}${rule.name}  ${FORMULAS[rule.name]}${given.length > 0 ? `  (${given.join(", ")})` : ""}`;
    if (rule.kind !== "partition") return [line];
    const groups = [...rule.groups].flatMap(([label, inner]) => [
      `${indent}  ${label}:${inner.length === 0 ? " as it is" : ""}`,
      ...lines(inner, `${indent}    `),
    ]);
    return [line, ...groups];
  });

function inWords(option: unknown): string {
  if (typeof option === "function") return "a schedule";
  return isControl(option) ? `a control, now ${option.value}` : String(option);
}
