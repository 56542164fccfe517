// The entry "lanestep/bake": a chain's loops, linked ahead of time.

import { version } from "./generated/fingerprint.ts";
import { loopsOfRules } from "./link/ahead.ts";
import { link } from "./link/link.ts";
import { nameOf, stamp } from "./link/stamp.ts";
import { placeRules } from "./program/chain.ts";
import { show } from "./show.ts";
import type { Update } from "./update.ts";

/**
 * Links all loops of a chain, or of several, into one module: for engines that take WebAssembly only as modules that are
 * imported, such as edge workers. `npx lanestep bake` does the same to a file.
 *
 * No parameters are needed: where a chain has a `partition` or a `masked`, the loops of every combination of labels are
 * there. Options that may change from step to step change no loop.
 *
 * @param updates the chains that the module shall serve
 * @returns the bytes of a module for `init(params, { module })`. It is refused where it does not fit: with another chain, or
 *   with another version of the library whose arithmetic has changed
 * @throws TypeError for what is no update, or for none; RangeError for more than 4,096 combinations of labels
 *
 * @example
 * ```ts
 * import { bake } from "lanestep/bake";
 *
 * const update = chain(trace(), clip(), scaleByAdam(), scale(-0.1));
 * const module = new WebAssembly.Module(bake(update));
 * const optimizer = await update.init({ w: Float32Array.of(1) }, { module });
 * optimizer.backend.path; // => "warmed"
 * ```
 */
export function bake(...updates: readonly Update[]): Uint8Array<ArrayBuffer> {
  if (updates.length === 0) throw new TypeError("bake takes one update or more");
  updates.forEach((update, i) => {
    // Not by its class: this entry has none, so that the default import need not share it.
    if (!Array.isArray((update as Partial<Update> | null | undefined)?.rules)) {
      throw new TypeError(
        `bake: argument ${i + 1} is ${show(update)}, expected an update such as scaleByAdam(); several are bake(...updates)`,
      );
    }
  });
  const loops = new Set(updates.flatMap(({ rules }) => loopsOfRules(rules)));
  const chains = updates.map(({ rules }) => nameOf(placeRules(rules)));
  return stamp(link([...loops].sort()), "module", `${chains.join(" and ")}, by lanestep ${version}`);
}
