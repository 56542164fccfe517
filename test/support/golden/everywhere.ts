// All golden files at once, in an engine that has no test runner: it is handed their texts.

import { expectSame, type GoldenFile, goldenFile } from "./index.ts";
import { type Backend, COUNTS, holdFile } from "./run.ts";

const backends: readonly Backend[] = ["wasm", "reference"];

/**
 * Runs what `test/golden.test.ts` runs on both backends, and counts it.
 *
 * @param texts by a file's name
 * @returns how many have been held, and what went wrong with the others
 */
export function holdGolden(texts: Readonly<Record<string, string>>): { held: number; failures: string[] } {
  let held = 0;
  const failures: string[] = [];
  const attempt = (name: string, run: () => void) => {
    try {
      run();
      held += 1;
    } catch (error) {
      failures.push(`${name}: ${error}`);
    }
  };
  const files = Object.keys(COUNTS).map((file) => goldenFile(file, () => texts[file]!) as GoldenFile);
  for (const golden of files) {
    const { file } = golden;
    const { cases, schedules, waiting } = holdFile(golden);
    for (const { name, run } of cases) {
      for (const backend of backends) attempt(`${file}: ${name}, on ${backend}`, () => run(backend));
    }
    for (const { name, isFed, run } of schedules) {
      for (const backend of isFed ? backends : backends.slice(0, 1)) attempt(`${file}: ${name}`, () => run(backend));
    }
    attempt(`${file}: its counts`, () => {
      const { shipped: _, ...expected } = COUNTS[file]!;
      const found: typeof expected = {
        cases: golden.cases.length,
        waiting: waiting.cases.length,
        schedules: golden.schedules.length,
        waitingSchedules: waiting.schedules.length,
      };
      for (const [name, count] of Object.entries(expected)) {
        expectSame(name, found[name as keyof typeof found], count);
      }
    });
  }
  return { held, failures };
}
