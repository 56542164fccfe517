// @ts-check
// The examples, each run by its engine, with the packed library, in a copy of its own in the scratch project.

import { errorOf } from "../errors.mjs";
import { bun, deno, findWorkerd, requireInstalled } from "../installed.mjs";
import { inBun, inDeno, inNode } from "./scripts.mjs";
import { digitsInTensorFlow, languageInTensorFlow, requirePackages } from "./tensorflow.mjs";
import { inWorkerd } from "./worker.mjs";

/** @typedef {Record<string, (project: string, engine: string) => Promise<void>>} Checks */

/** @type {Record<string, [find: () => string | Promise<string>, checks: Checks]>} */
const examples = {
  deno: [() => requireInstalled(deno), inDeno],
  bun: [() => requireInstalled(bun), inBun],
  "node-stream": [() => process.execPath, inNode],
  "tfjs-digits": [() => requirePackages("tfjs-digits"), digitsInTensorFlow],
  "tfjs-language": [() => requirePackages("tfjs-language"), languageInTensorFlow],
  worker: [findWorkerd, inWorkerd],
};

/**
 * @param {{ project: string }} context the scratch project's folder: lanestep is its dependency
 * @returns {AsyncGenerator<import("../run.mjs").Check>}
 */
export async function* inExamples({ project }) {
  for (const [example, [find, checks]] of Object.entries(examples)) {
    /** @type {string} */
    let engine;
    try {
      engine = await find();
    } catch (error) {
      yield { name: `examples/${example}`, error: String(error) };
      continue;
    }
    for (const [name, body] of Object.entries(checks)) {
      const error = await errorOf(body(project, engine));
      yield { name: `examples/${example}: ${name}`, error };
    }
  }
}
