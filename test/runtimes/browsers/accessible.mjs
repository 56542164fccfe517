// @ts-check
// Whether a page can be used by all.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const axe = createRequire(import.meta.url).resolve("axe-core");

/**
 * Nothing that axe finds wrong, as the page is now.
 * @param {import("playwright-core").Page} page @param {string} where
 */
export async function accessible(page, where) {
  if (!(await page.evaluate("'axe' in window"))) await page.addScriptTag({ path: axe });
  /** @type {{ id: string, nodes: { html: string, failureSummary: string }[] }[]} */
  const violations = await page.evaluate("axe.run().then(({ violations }) => violations)");
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`),
  );
  assert.deepEqual(found, [], where);
}
