import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { compilingNothing } from "./support/compiler.ts";
import type { Plan } from "./support/golden/index.ts";
import * as linked from "./support/golden/index.ts";
import { bitsOfCase, freshCopy, given, isShipped, linkAll, loopsOfCase } from "./support/golden/paths.ts";
import { readGolden } from "./support/golden/read.ts";
import { COUNTS, holdFile } from "./support/golden/run.ts";

/** LANESTEP_GOLDEN=/some/folder: its files of the same format instead. */
const own = fileURLToPath(new URL("golden", import.meta.url));
const folder = process.env.LANESTEP_GOLDEN ?? own;

const backends = ["wasm", "reference"] as const;

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

const ahead = await freshCopy();

for (const golden of readGolden(folder)) {
  const { file } = golden;
  const { dialect } = ahead.goldenFile(file, () => "{}")!;
  const { cases, schedules, waiting } = holdFile(golden);
  const loops = new Map(cases.map(({ entry, plan }) => [entry, loopsOfCase(linked, plan, entry)]));
  const linkedAhead = linkAll([...loops.values()].flat());

  describe(file, () => {
    for (const { entry, plan, name, bound, steps, run } of cases) {
      it.each(backends)(`${name}: updates and parameters ${bound}, on %s`, run);
      it.each(["warmed", "tiles"] as const)(`${name}: the bits of the linked loops, on %s`, (path) => {
        const expected = bitsOfCase(linked, plan, entry, steps, { path: "linked", options: {} });
        const planAhead = ahead.planCase(dialect, entry) as Plan;
        const from = given(path, loops.get(entry)!, linkedAhead);
        const found = compilingNothing(() => bitsOfCase(ahead, planAhead, entry, steps, from));
        expect(found).toEqual(expected);
      });
    }

    for (const { name, bound, isFed, run } of schedules) {
      if (isFed) it.each(backends)(`${name}: ${bound}, on %s`, run);
      else it(`${name}: ${bound}`, () => run("wasm"));
    }

    const all = `${golden.cases.length} cases and ${golden.schedules.length} schedules`;
    it(`holds ${cases.length} and ${schedules.length} of ${all}, the others wait`, () => {
      console.log(`${file}\n${table("cases", waiting.cases)}\n${table("schedules", waiting.schedules)}`);
      if (folder !== own) return;
      expect({
        cases: golden.cases.length,
        waiting: waiting.cases.length,
        schedules: golden.schedules.length,
        waitingSchedules: waiting.schedules.length,
        shipped: [...loops.values()].filter(isShipped).length,
      }).toEqual(COUNTS[file]);
    });
  });
}
