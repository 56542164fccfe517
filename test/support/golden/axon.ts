import { type Dialect, noTorch } from "./dialect.ts";

/** Names and options are Axon's in all files, and so are this library's defaults. */
export const axon: Dialect = {
  defaults: {},
  options: {},
  rules: {},
  implied: {},
  schedules: {},
  fed: {},
  wrappers: {},
  torch: noTorch,
  scheduleTolerance: 2e-5,
  exception: () => null,
};
