// @ts-check
// The checks of the page of examples/browser, in Chromium.

import { errorOf } from "../../errors.mjs";
import { keepingChecks } from "./keeping.mjs";
import { preparingChecks } from "./preparing.mjs";
import { servePage } from "./server.mjs";
import { unreadableChecks } from "./unreadable.mjs";
import { usingChecks } from "./using.mjs";

/** @returns {AsyncGenerator<import("../../run.mjs").Check>} */
export async function* inBrowser() {
  const { address, close } = await servePage();
  try {
    for (const checks of [usingChecks, keepingChecks, unreadableChecks, preparingChecks]) {
      for await (const [name, check] of checks(address)) {
        const error = await errorOf(check());
        yield { name, ...(error !== undefined && { error }) };
      }
    }
  } finally {
    await close();
  }
}
