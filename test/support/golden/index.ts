// Golden files: other libraries' outputs on seeded inputs. This says in this library's words what each case runs, and
// names the cases that wait for what this library does not have. It runs in any engine: read.ts reads the files in Node.

import { axon } from "./axon.ts";
import type { Dialect } from "./dialect.ts";
import type { GoldenCase, GoldenSchedule, Options } from "./format.ts";
import { optax } from "./optax.ts";
import { pytorch } from "./pytorch.ts";

export { expectLeaves, expectSame, Largest } from "./compare.ts";
export { type Call, type Fed, type Plan, Waiting } from "./dialect.ts";
export {
  type GoldenCase,
  type GoldenSchedule,
  type GoldenStep,
  leavesOf,
  someElement,
  toTree,
} from "./format.ts";
export { allCalls, has, makeSchedule, makeUpdate, planCase, planScheduleOf } from "./plan.ts";

/** By the beginning of a file's name. */
const dialects: Readonly<Record<string, Dialect>> = { axon, optax, pytorch };

export interface GoldenFile {
  readonly file: string;
  readonly dialect: Dialect;
  readonly cases: readonly GoldenCase[];
  readonly schedules: readonly GoldenSchedule[];
}

/** A scheduler of PyTorch's file: it begins with the optimizer's learning rate. */
interface TorchScheduler {
  readonly torch: string;
  readonly learning_rate: number;
  readonly opts: Options;
  readonly values: readonly number[];
  readonly metrics?: readonly number[];
}

function scheduleOf(stored: GoldenSchedule | TorchScheduler): GoldenSchedule {
  if (!("torch" in stored)) return stored;
  const { torch, learning_rate, opts, ...others } = stored;
  return { ...others, schedule: torch, opts: { learning_rate, ...opts } };
}

/** A file whose format and defaults are known here; null for another. */
export function goldenFile(file: string, read: () => string): GoldenFile | null {
  const dialect = dialects[file.match(/^([a-z]+)-.*\.json$/)?.[1] ?? ""];
  if (!dialect) return null;
  const { cases = [], schedules = [] } = JSON.parse(read());
  return { file, dialect, cases, schedules: schedules.map(scheduleOf) };
}
