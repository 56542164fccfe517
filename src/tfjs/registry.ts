import { requireUpdate, type Update } from "../update.ts";

const updates = new Map<string, Update>();

/**
 * Gives an update a name, by which a saved model knows it: an update may hold functions, and cannot be saved itself. To be
 * called before `model.save(…, { includeOptimizer: true })`, and again, with the same update, before the model is loaded.
 *
 * @param name a string; the update that had it before loses it
 * @param update an update
 * @returns the update
 * @throws TypeError for another argument
 *
 * ```js
 * const update = registerUpdate("fine-tuning", adamw({ learningRate: 1e-3, decay: 0.01 }));
 * const optimizer = new LanestepOptimizer(update);
 * ```
 */
export function registerUpdate(name: string, update: Update): Update {
  if (typeof name !== "string" || name === "") {
    throw new TypeError('registerUpdate takes a name first: registerUpdate("fine-tuning", update)');
  }
  requireUpdate(update, "registerUpdate: its second argument");
  updates.set(name, update);
  return update;
}

export const updateNamed = (name: string): Update | undefined => updates.get(name);

export const nameOf = (update: Update): string | undefined =>
  [...updates].find(([, registered]) => registered === update)?.[0];
