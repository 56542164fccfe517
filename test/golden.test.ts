import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { expectClose, largestOf } from "./support/close.js";
import {
  type Call,
  type GoldenCase,
  type GoldenFile,
  type GoldenTree,
  leavesOf,
  makeSchedule,
  makeUpdate,
  planCase,
  planScheduleOf,
  readGolden,
  toTree,
  Waiting,
} from "./support/golden.js";

/** LANESTEP_GOLDEN=/some/folder: its files of the same format instead. */
const own = fileURLToPath(new URL("golden", import.meta.url));
const folder = process.env.LANESTEP_GOLDEN ?? own;

/** So that nothing falls out of the own files in silence. */
const counts: Record<string, { cases: number; waiting: number; schedules: number; waitingSchedules: number }> = {
  "axon-0.3.1.json": { cases: 109, waiting: 0, schedules: 9, waitingSchedules: 0 },
  "optax-0.2.8.json": { cases: 398, waiting: 282, schedules: 16, waitingSchedules: 13 },
};

/** Scalars are computed in float32 there and in double precision here. */
const TOLERANCE = 2e-5;

function expectTree(
  actual: unknown,
  expected: GoldenTree,
  tolerance: number,
  where: string,
  largest?: ReadonlyMap<string, number>,
): void {
  const found = leavesOf(actual);
  const wanted = leavesOf(expected);
  expect([...found.keys()], where).toEqual([...wanted.keys()]);
  for (const [path, values] of wanted) {
    expectClose(found.get(path)!, values, tolerance, `${where}${path}`, largest?.get(path));
  }
}

/**
 * The largest magnitudes of leaves over several trees. A parameter is the sum of all updates so far: where they cancel
 * it comes near zero, but their deviations stay. So a leaf of parameters is measured by the largest of these terms.
 */
class Largest {
  readonly byPath = new Map<string, number>();

  add(...trees: readonly GoldenTree[]): this {
    for (const [path, values] of trees.flatMap((tree) => [...leavesOf(tree)])) {
      this.byPath.set(path, Math.max(this.byPath.get(path) ?? 0, largestOf(values)));
    }
    return this;
  }
}

/** The bound at a step, and in words. */
function boundOf({ dialect }: GoldenFile, plan: readonly Call[]) {
  const words = (tolerance: number) => `within ${tolerance.toExponential()} of the leaf's largest magnitude`;
  const exception = plan.map(dialect.exception).find((found) => found !== null);
  if (!exception) return { at: () => TOLERANCE, words: words(TOLERANCE) };
  const { from, tolerance } = exception;
  return {
    at: (step: number) => (step < from ? TOLERANCE : tolerance),
    words: `${words(TOLERANCE)}, ${tolerance.toExponential()} from step ${from} on`,
  };
}

/** Names repeat in a file; the options then tell the cases apart. */
function titleOf(golden: GoldenCase, cases: readonly GoldenCase[]): string {
  if (cases.filter(({ name }) => name === golden.name).length === 1) return golden.name;
  const options = (golden.chain ?? [golden.optimizer]).map((part) => part?.opts);
  return `${golden.name} ${options.map((given) => JSON.stringify(given)).join(" ")}`;
}

function split<Entry, Plan>(entries: readonly Entry[], planOf: (entry: Entry) => Plan | Waiting) {
  const held: { entry: Entry; plan: Plan }[] = [];
  const waiting: { entry: Entry; because: string }[] = [];
  for (const entry of entries) {
    const plan = planOf(entry);
    if (plan instanceof Waiting) waiting.push({ entry, because: plan.because });
    else held.push({ entry, plan });
  }
  return { held, waiting };
}

/** One line for each reason; names repeat in a file. */
function table(kind: string, waiting: readonly { name: string; because: string }[]): string {
  const lines = [...new Set(waiting.map(({ because }) => because))].map((reason) => {
    const names = waiting.filter(({ because }) => because === reason).map(({ name }) => name);
    const listed = [...new Set(names)].map((name) => {
      const times = names.filter((other) => other === name).length;
      return times > 1 ? `${name} (${times})` : name;
    });
    return `  ${names.length}: ${listed.join(", ")}, because ${reason}`;
  });
  return [`waiting: ${waiting.length} ${kind}${lines.length > 0 ? ":" : ""}`, ...lines].join("\n");
}

for (const golden of readGolden(folder)) {
  const { file, dialect } = golden;
  const cases = split(golden.cases, (entry) => planCase(dialect, entry));
  const schedules = split(golden.schedules, (entry) => planScheduleOf(dialect, entry));

  describe(file, () => {
    for (const { entry, plan } of cases.held) {
      const bound = boundOf(golden, plan);
      const title = `${titleOf(entry, golden.cases)}: updates and parameters ${bound.words}`;
      it.each(["wasm", "reference"] as const)(`${title}, on %s`, async (backend) => {
        const inTwo = await makeUpdate(plan).init(toTree(entry.params), { backend });
        const inOne = await makeUpdate(plan).init(toTree(entry.params), { backend });
        expect(inTwo.backend.name).toBe(backend);
        const largest = new Largest().add(entry.params);
        // Each step goes on from the library's own state and parameters, as a run does.
        for (const [step, { grads, updates, params }] of entry.steps.entries()) {
          const tolerance = bound.at(step);
          const where = `at step ${step}`;
          const { byPath } = largest.add(updates, params);
          expectTree(inTwo.update(toTree(grads)), updates, tolerance, `${where}: update()`);
          inTwo.apply();
          expectTree(inTwo.params, params, tolerance, `${where}: params after apply()`, byPath);
          inOne.step(toTree(grads));
          expectTree(inOne.params, params, tolerance, `${where}: params after step()`, byPath);
        }
        inTwo.dispose();
        inOne.dispose();
      });
    }

    for (const [i, { entry, plan }] of schedules.held.entries()) {
      const options = JSON.stringify(entry.opts);
      const bound = TOLERANCE.toExponential();
      it(`schedule ${i}, ${entry.schedule} ${options}: within ${bound} of the largest value`, () => {
        const schedule = makeSchedule(plan);
        const values = entry.values.map((_, step) => schedule(step));
        expectClose(values, entry.values, TOLERANCE, "value");
      });
    }

    const all = `${golden.cases.length} cases and ${golden.schedules.length} schedules`;
    it(`holds ${cases.held.length} and ${schedules.held.length} of ${all}, the others wait`, () => {
      const waiting = {
        cases: cases.waiting.map(({ entry, because }) => ({ name: entry.name, because })),
        schedules: schedules.waiting.map(({ entry, because }) => ({ name: entry.schedule, because })),
      };
      console.log(`${file}\n${table("cases", waiting.cases)}\n${table("schedules", waiting.schedules)}`);
      if (folder !== own) return;
      expect({
        cases: golden.cases.length,
        waiting: waiting.cases.length,
        schedules: golden.schedules.length,
        waitingSchedules: waiting.schedules.length,
      }).toEqual(counts[file]);
    });
  });
}
