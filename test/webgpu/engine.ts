// What golden.spec.ts, rules.spec.ts and steps.spec.ts hold, for an engine with a WebGPU of its own and no test runner.

import type fc from "fast-check";
import { runs } from "../oracle/arbitrary.ts";
import { goldenFile } from "../support/golden/index.ts";
import { type Check, Worst, worstWords } from "./check.ts";
import { goldenChecks } from "./golden.ts";
import { rulesChecks } from "./rules.ts";
import { stepsChecks } from "./steps.ts";

/** What it takes: golden files by name, and how random options are drawn. */
export interface Given {
  readonly texts: Readonly<Record<string, string>>;
  readonly runs: fc.Parameters<unknown>;
}

/** What it says, one at a time: the adapter first, then each check as it is done, then for each set how far it was off. */
export type Said =
  | { readonly adapter: string }
  | { readonly name: string; readonly error?: string }
  | { readonly set: string; readonly worst: string };

const setsOf = ({ texts, runs }: Given): Record<string, readonly Check[]> => ({
  "golden cases": Object.entries(texts).flatMap(([file, text]) => {
    const golden = goldenFile(file, () => text);
    return golden ? goldenChecks(golden) : [];
  }),
  rules: rulesChecks(runs),
  steps: stepsChecks(),
});

/** In Node, that counts along. */
export const givenOf = (texts: Given["texts"]): Given => ({ texts, runs: runs(20) });

/** What each engine has to say, by name. */
export const namesOf = (given: Given): string[] =>
  Object.values(setsOf(given)).flatMap((checks) => checks.map(({ name }) => name));

/** @throws Error where there is no adapter */
export async function hold(given: Given, say: (said: Said) => void): Promise<void> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error("no WebGPU adapter");
  const { vendor, architecture, description } = adapter.info;
  say({ adapter: [vendor, architecture, description].filter(Boolean).join(" ") });
  const device = await adapter.requestDevice();
  // What no error scope takes up is a fault of the library.
  const uncaptured: string[] = [];
  device.addEventListener("uncapturederror", ({ error }) => uncaptured.push(error.message));
  for (const [set, checks] of Object.entries(setsOf(given))) {
    const worst = new Worst();
    for (const { name, run } of checks) {
      try {
        worst.add(await run(device));
        if (uncaptured.length > 0) throw new Error(uncaptured.splice(0).join("; "));
        say({ name });
      } catch (error) {
        say({ name, error: String((error as Error)?.message ?? error) });
      }
    }
    say({ set, worst: worstWords(worst.found) });
  }
}
