import type { Dialect } from "./dialect.ts";
import { planTorch } from "./pytorch-optimizers.ts";
import { fedSchedulers, schedulers } from "./pytorch-schedulers.ts";

/** What clipping by the norm adds to it before it divides. */
const CLIP_EPS = 1e-6;

export const pytorch: Dialect = {
  defaults: {},
  options: {},
  rules: {},
  implied: {},
  schedules: schedulers,
  fed: fedSchedulers,
  wrappers: {},
  torch: planTorch,
  // Its schedulers compute in double precision; the file holds ten digits.
  scheduleTolerance: 1e-9,
  exception: ({ name, options }) => {
    const maxNorm = name === "clipByGlobalNorm" ? (options.maxNorm as number) : 1;
    // It scales by maxNorm / (norm + 1e-6) from norm = maxNorm on.
    return maxNorm > 0 && maxNorm < 1 ? { from: 0, tolerance: 2e-5 + CLIP_EPS / maxNorm } : null;
  },
};
