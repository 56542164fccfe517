// @ts-check
// What a page or a worker has to tell: the report of the workload and what the console was told meanwhile, or an error.

/**
 * @param {() => Promise<typeof import("../../workload.mjs")>} load
 * @param {() => Promise<import("../../workload.mjs").Modules | null>} modules
 */
export async function answer(load, modules) {
  /** @type {string[]} */
  const warnings = [];
  const { warn } = console;
  console.warn = (/** @type {unknown[]} */ ...words) => {
    warnings.push(words.join(" "));
    warn.apply(console, words);
  };
  try {
    const { report } = await load();
    return { report: await report(await modules(), () => performance.now()), warnings };
  } catch (error) {
    return { error: `${error}\n${/** @type {Error} */ (error).stack}` };
  }
}

/** Tells it the server. @param {object} found */
export const post = (found) => fetch("/report", { method: "POST", body: JSON.stringify(found) });

/** @param {Worker} worker that answers */
export function passOn(worker) {
  worker.addEventListener("message", ({ data }) => post(data));
  worker.addEventListener("error", ({ message }) => post({ error: `the worker: ${message || "does not load"}` }));
}
