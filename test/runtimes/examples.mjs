// @ts-check
// The examples, each run by its engine, with the packed library, in a copy of its own in the scratch project.

import { existsSync } from "node:fs";
import { BUN, DENO, inBun, inDeno, inNode } from "./example-scripts.mjs";
import { inWorkerd } from "./example-worker.mjs";

/** The engine itself: what npm links to may be a script. */
const workerd = await import("workerd").then(
  (found) => found.default.default,
  () => "workerd",
);

/** @type {Record<string, [engine: string, checks: Record<string, (project: string, engine: string) => Promise<void>>]>} */
const examples = {
  deno: [DENO, inDeno],
  bun: [BUN, inBun],
  "node-stream": [process.execPath, inNode],
  worker: [workerd, inWorkerd],
};

/**
 * @param {{ project: string }} context the scratch project's folder: lanestep is its dependency
 * @returns {AsyncGenerator<{ name: string, error?: string }>}
 */
export async function* inExamples({ project }) {
  for (const [example, [engine, checks]] of Object.entries(examples)) {
    if (!existsSync(engine)) {
      yield { name: `examples/${example}`, error: `${engine} is missing: npm ci --prefix test/runtimes` };
      continue;
    }
    for (const [name, body] of Object.entries(checks)) {
      const error = await body(project, engine).then(
        () => undefined,
        (reason) => reason.message,
      );
      yield { name: `examples/${example}: ${name}`, error };
    }
  }
}
