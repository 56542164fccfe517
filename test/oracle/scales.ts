// What the tolerance of a rule is relative to, element by element: the sum of the magnitudes of what a result is added
// up from, and what follows from it for what is computed of the result. Where terms cancel no arithmetic in f32 can do
// better: m + (1 − b1)·(x − m) is right to the last place of the larger of m and x, not of the sum.

/** One element of a step, in double precision. */
export interface ElementStep {
  readonly x: number;
  readonly p: number;
  readonly options: Readonly<Record<string, number>>;
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
  readonly update: number;
  /** Largest magnitude of x in the leaf. */
  readonly largest: number;
}

/** By slot, and for the update under `update`; what is missing is relative to its own magnitude. */
type Scales = Readonly<Record<string, number>>;

/** Where the terms are so much larger than their sum, none of its digits is left in f32. */
const LOST = 1e5;

const abs = Math.abs;
/** 0/0 is nothing to be relative to. */
const ratio = (a: number, b: number): number => (a === 0 ? 0 : a / b);

/** An update m / (√(v + root) + eps) with moments that are right to `mu` and `nu`. */
function quotient({ after, update }: ElementStep, mu: number, nu: number, root: number): Scales {
  const [m, v] = [after.mu!, after.nu!];
  return { mu, nu, update: abs(update) * (ratio(mu, abs(m)) + ratio(nu, v + root)) };
}

const firstMoment = ({ x, before }: ElementStep): number => abs(before.mu!) + abs(x);

const adam = (e: ElementStep): Scales => quotient(e, firstMoment(e), e.after.nu!, e.options.epsRoot!);

/** An average of what p and x add up to. */
const averaged = ({ x, p }: ElementStep, before: number): number => abs(before) + abs(p) + abs(x);

export const scales: Readonly<Record<string, (element: ElementStep) => Scales>> = {
  accumulate: ({ x, before }) => ({ sum: abs(before.sum!) + abs(x), update: abs(before.sum!) + abs(x) }),
  addDecayedWeights: ({ x, p, options }) => ({ update: abs(x) + abs(options.decay! * p) }),
  addNoise: ({ x, update }) => ({ update: abs(x) + abs(update - x) }),
  averageParams: (e) => ({ average: averaged(e, e.before.average!) }),
  centralize: ({ largest }) => ({ update: largest }),
  ema: ({ x, before, after, update }) => {
    const ema = abs(before.ema!) + abs(x);
    return { ema, update: abs(update) * ratio(ema, abs(after.ema!)) };
  },
  lookahead: (e) => {
    const slow = averaged(e, e.before.slow!);
    return { slow, update: slow + abs(e.p) };
  },
  scaleByAdam: adam,
  scaleByAdamax: (e) => quotient(e, firstMoment(e), e.after.nu!, 0),
  scaleByBelief: (e) => quotient(e, firstMoment(e), e.after.nu!, 0),
  scaleByLion: (e) => {
    // A sign has no digits to lose: where its terms cancel, rounding chooses it.
    const [kept, fresh] = [e.options.b1! * e.before.mu!, (1 - e.options.b1!) * e.x];
    return { mu: firstMoment(e), update: abs(kept + fresh) < 1e-6 * firstMoment(e) ? Infinity : 1 };
  },
  scaleByRadam: adam,
  scaleByYogi: (e) => quotient(e, firstMoment(e), e.before.nu! + e.x * e.x, e.options.epsRoot!),
  scaleByStddev: (e) => {
    const [m, v] = [e.after.mu!, e.after.nu!];
    const mu = firstMoment(e);
    // v − m² cancels where the updates hardly vary, and above all with few of them and a small decay.
    const condition = ratio(v + m * m + 2 * abs(m) * mu, Math.max(v - m * m, 0) + e.options.eps!);
    return { mu, update: condition < LOST ? abs(e.update) * (1 + condition) : Infinity };
  },
  trace: ({ x, options, before, after }) => {
    const trace = abs(x) + abs(options.decay! * before.trace!);
    return { trace, update: options.nesterov ? abs(x) + options.decay! * (abs(after.trace!) + trace) : trace };
  },
};
