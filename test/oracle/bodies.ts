// The bodies of assembly/bodies, one element at a time: every operation rounded to f32 by Math.fround, in their order.

import type { BodyName } from "../../src/link/signature.ts";

const f = Math.fround;

/** x, the slots and where in them, the constants (f32), the parameter: the new x. Slots are written in place. */
export type Body = (
  x: number,
  slots: readonly Float32Array[],
  at: number,
  constants: readonly number[],
  p: number,
) => number;

/** m + rest·(x − m) */
const toward = (m: number, x: number, rest: number): number => f(m + f(rest * f(x - m)));

/** decay·v + rest·x² */
const squared = (v: number, x: number, decay: number, rest: number): number => f(f(decay * v) + f(rest * f(x * x)));

/** m / (√(v + root) + eps) */
const overRoot = (m: number, v: number, root: number, eps: number): number => f(m / f(f(Math.sqrt(f(v + root))) + eps));

/** The slots and constants of a body are as many as its parameters: test/linker.test.ts. */
type Numbers = readonly [number, number, number, number, number];

export const bodies: Readonly<Record<BodyName, Body>> = {
  adadelta(x, [eG, eX], at, constants) {
    const [rho, rest, eps] = constants as Numbers;
    const g = squared(eG![at]!, x, rho, rest);
    const before = eX![at]!;
    const root = f(Math.sqrt(f(f(f(before + eps) * 2 ** 24) / f(g + eps))));
    const y = f(f(root * 2 ** -12) * x);
    eG![at] = g;
    eX![at] = squared(before, y, rho, rest);
    return y;
  },

  adam(x, [mu, nu], at, constants) {
    const [rest1, b2, rest2, root, eps] = constants as Numbers;
    const m = toward(mu![at]!, x, rest1);
    const v = squared(nu![at]!, x, b2, rest2);
    mu![at] = m;
    nu![at] = v;
    return overRoot(m, v, root, eps);
  },

  adamax(x, [mu, nu], at, constants) {
    const [rest1, b2, eps] = constants as Numbers;
    const m = toward(mu![at]!, x, rest1);
    const [now, before] = [f(Math.abs(x) + eps), f(b2 * nu![at]!)];
    const v = now < before ? before : now;
    mu![at] = m;
    nu![at] = v;
    return f(m / v);
  },

  average(x, [average], at, constants, p) {
    const [rate] = constants as Numbers;
    average![at] = toward(average![at]!, f(p + x), rate);
    return x;
  },

  belief(x, [mu, nu], at, constants) {
    const [rest1, b2, surprise, root, eps] = constants as Numbers;
    const m0 = mu![at]!;
    const d = f(x - m0);
    const m = f(m0 + f(rest1 * d));
    const v = f(squared(nu![at]!, d, b2, surprise) + root);
    mu![at] = m;
    nu![at] = v;
    return f(m / f(f(Math.sqrt(v)) + eps));
  },

  clip(x, _slots, _at, constants) {
    const [delta] = constants as Numbers;
    const low = delta < x ? delta : x;
    return low < -delta ? -delta : low;
  },

  ema(x, [ema], at, constants) {
    const [rest] = constants as Numbers;
    const m = toward(ema![at]!, x, rest);
    ema![at] = m;
    return m;
  },

  lion(x, [mu], at, constants) {
    const [odds, b2, rest2] = constants as Numbers;
    const m = mu![at]!;
    mu![at] = f(f(b2 * m) + f(rest2 * x));
    const c = f(f(odds * m) + x);
    return c > 0 ? 1 : c < 0 ? -1 : Number.isNaN(c) ? c : 0;
  },

  lookahead(x, [slow], at, constants, p) {
    const [rate] = constants as Numbers;
    const s = toward(slow![at]!, f(p + x), rate);
    slow![at] = s;
    return f(s - p);
  },

  momentum(x, [mu, nu], at, constants) {
    const [rest1, b2, rest2] = constants as Numbers;
    const m = toward(mu![at]!, x, rest1);
    mu![at] = m;
    nu![at] = squared(nu![at]!, x, b2, rest2);
    return m;
  },

  nesterov(x, [trace], at, constants) {
    const [decay] = constants as Numbers;
    const t = f(x + f(decay * trace![at]!));
    trace![at] = t;
    return f(x + f(decay * t));
  },

  rms(x, [nu], at, constants) {
    const [decay, rest, eps] = constants as Numbers;
    const v = squared(nu![at]!, x, decay, rest);
    nu![at] = v;
    return f(x / f(Math.sqrt(f(v + eps))));
  },

  rss(x, [sumOfSquares], at, constants) {
    const [eps] = constants as Numbers;
    const s = f(sumOfSquares![at]! + f(x * x));
    sumOfSquares![at] = s;
    return f(x / (s > 0 ? f(Math.sqrt(f(s + eps))) : Number.POSITIVE_INFINITY));
  },

  stddev(x, [mu, nu], at, constants) {
    const [decay, rest, eps] = constants as Numbers;
    const m = toward(mu![at]!, x, rest);
    const v = squared(nu![at]!, x, decay, rest);
    mu![at] = m;
    nu![at] = v;
    return f(x / f(Math.sqrt(f(Math.max(f(v - f(m * m)), 0) + eps))));
  },

  trace(x, [trace], at, constants) {
    const [decay] = constants as Numbers;
    const t = f(x + f(decay * trace![at]!));
    trace![at] = t;
    return t;
  },

  yogi(x, [mu, nu], at, constants) {
    const [rest1, rest2, root, eps] = constants as Numbers;
    const m = toward(mu![at]!, x, rest1);
    const v0 = nu![at]!;
    const square = f(x * x);
    const d = f(v0 - square);
    const t = f(rest2 * square);
    // Where d is neither, it is zero or NaN.
    const v = d > 0 ? f(v0 - t) : d < 0 ? f(v0 + t) : f(v0 + d);
    mu![at] = m;
    nu![at] = v;
    return overRoot(m, v, root, eps);
  },

  zeroNans(x) {
    return Number.isNaN(x) ? 0 : x;
  },
};
