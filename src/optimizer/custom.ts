// Rules that a user makes of functions: they run between the passes of a step, and their state is any value.

import { isPlainObject } from "../show.ts";
import { matchTree } from "../tree/layout.ts";
import type { CustomRule } from "../updates/rule.ts";
import type { Parts } from "./parts.ts";
import { writeLeaves } from "./views.ts";

/** A user's function may throw in the middle of a step: then the state is put back, as if it had not begun. */
export function runCustom(parts: Parts, sink: "apply" | "emit"): boolean {
  const { program, engine, host, views } = parts;
  const spans = program.slots.flatMap((_, slot) => engine.spans(slot));
  const before = spans.map((span) => span.slice());
  const states = [...host.custom];
  try {
    const call = (rule: number) => {
      const { apply } = program.chain.all[rule]!.rule as CustomRule;
      const updates = views.treeOf("scratch", rule);
      const [made, state] = apply(updates, states[rule], views.treeOf("params", rule));
      if (made !== updates) {
        const leaves = views.leavesOf("scratch", rule);
        writeLeaves(
          leaves,
          matchTree(program.layout, made, "updates", ({ index }) => leaves[index] === null),
        );
      }
      states[rule] = copyPlain(state);
    };
    const changed = parts.run(sink, call);
    host.custom = states;
    return changed;
  } catch (error) {
    spans.forEach((span, i) => {
      span.set(before[i]!);
    });
    throw error;
  }
}

/** A user's own state: plain objects, arrays and typed arrays are copied, everything else is kept as it is. */
export function copyPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyPlain);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return (value as Float32Array).slice();
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, copyPlain(child)]));
  }
  return value;
}
