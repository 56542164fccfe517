import { savedCustom } from "../checkpoint/custom.ts";
import { runCustom } from "../optimizer/custom.ts";
import { show } from "../show.ts";
import { Update } from "../update.ts";
import type { CustomRule } from "./rule.ts";

function customUpdate(caller: string, parts: Pick<CustomRule, "init" | "apply">, ...functions: unknown[]): Update {
  for (const given of functions) {
    if (typeof given !== "function") throw new TypeError(`${caller} takes functions, got ${show(given)}`);
  }
  const rule: CustomRule = {
    kind: "custom",
    name: caller,
    options: {},
    slots: {},
    tolerance: 0,
    run: runCustom,
    save: savedCustom,
    ...parts,
  };
  return new Update([{ rule, options: {} }]);
}

/**
 * Makes an update of a function of the updates and the parameters.
 *
 * The function gets trees of views (`Float32Array`) with the keys of the parameters. It may change the updates in place
 * and return them, or return another tree of the same form; it must not change the parameters. It splits the chain:
 * the rules before and behind it run in loops of their own. If it throws, the step has not happened.
 *
 * @param apply `(updates, params) => updates`
 * @returns an update without state
 * @throws TypeError if it is no function; from `step()`, what the function throws, and TreeMismatchError if what it
 *   returns has another form
 *
 * @example
 * ```ts
 * const sign = stateless((updates: { w: Float32Array }) => {
 *   updates.w.forEach((x, i) => { updates.w[i] = Math.sign(x); });
 *   return updates;
 * });
 * const optimizer = await chain(sign, scale(-0.5)).init({ w: Float32Array.of(1, 1) });
 * optimizer.step({ w: Float32Array.of(3, -0.1) });
 * Array.from(optimizer.params.w); // => [0.5, 1.5]
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.stateless`
 */
export function stateless<T>(apply: (updates: T, params: T) => unknown): Update {
  return customUpdate(
    "stateless",
    { init: null, apply: (updates, _state, params) => [apply(updates as T, params as T), null] },
    apply,
  );
}

/**
 * Makes an update of two functions: one makes the state from the parameters, one transforms updates and state.
 *
 * Updates and parameters come as for {@link stateless}. The state may be any value; what belongs to parameters should
 * have their keys. A state that the function returns replaces the old one when the whole step has succeeded; so return
 * a new one rather than change the old one in place.
 *
 * @param init `(params) => state`
 * @param apply `(updates, state, params) => [updates, state]`
 * @returns an update whose state stands in `optimizer.state`
 * @throws as {@link stateless}
 *
 * @example
 * ```ts
 * const halvedEachStep = stateful(
 *   () => ({ factor: 1 }),
 *   (updates: { w: Float32Array }, state) => {
 *     updates.w.forEach((x, i) => { updates.w[i] = x * state.factor; });
 *     return [updates, { factor: state.factor / 2 }];
 *   },
 * );
 * const optimizer = await halvedEachStep.init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.params.w[0]; // => 1.5
 * optimizer.state[0]; // => { factor: 0.25 }
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.stateful`
 */
export function stateful<T, State>(
  init: (params: T) => State,
  apply: (updates: T, state: State, params: T) => readonly [updates: unknown, state: State],
): Update {
  return customUpdate(
    "stateful",
    {
      init: (params) => init(params as T),
      apply: (updates, state, params) => {
        const pair = apply(updates as T, state as State, params as T);
        if (!Array.isArray(pair) || pair.length !== 2) {
          throw new TypeError(`stateful: its function returned ${show(pair)}, expected [updates, state]`);
        }
        return pair as readonly [unknown, unknown];
      },
    },
    init,
    apply,
  );
}
