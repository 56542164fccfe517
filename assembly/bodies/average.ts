// Bodies that average over steps: updates, or the parameters as they will be, p + x.

import { toward } from "../lanes";

export function ema(x: v128, p: v128, ema: usize, rest: v128): v128 {
  const m = toward(v128.load(ema), x, rest);
  v128.store(ema, m);
  return m;
}

export function average(x: v128, p: v128, average: usize, rate: v128): v128 {
  v128.store(average, toward(v128.load(average), f32x4.add(p, x), rate));
  return x;
}

export function lookahead(x: v128, p: v128, slow: usize, rate: v128): v128 {
  const s = toward(v128.load(slow), f32x4.add(p, x), rate);
  v128.store(slow, s);
  return f32x4.sub(s, p);
}
