import { planeSizes } from "../backends/wasm/arena.ts";
import { signaturesOf } from "../backends/wasm/engine.ts";
import type { Program } from "../program/program.ts";

/** What an optimizer will allocate, link and run. */
export interface Plan {
  readonly parameters: number;
  readonly leaves: number;
  /** Leaves that meet the same rules. */
  readonly groups: readonly {
    readonly rules: readonly string[];
    readonly leaves: number;
    readonly parameters: number;
  }[];
  /** In order. */
  readonly planes: readonly { readonly name: string; readonly bytes: number }[];
  /** All planes. */
  readonly bytes: number;
  /** Of `planes`, what values are parked in that a pass reads more than once. */
  readonly scratchBytes: number;
  /** What memory holds at most while `init` runs, and while `save` does (`saveChunks` takes no more than the planes). */
  readonly peaks: { readonly init: number; readonly save: number };
  /** Of one step, in order: a loop by its signature, or what it measures. */
  readonly passes: readonly string[];
  /** What is linked and compiled, once for all optimizers. */
  readonly loops: readonly string[];
}

class Table implements Plan {
  constructor(
    readonly parameters: number,
    readonly leaves: number,
    readonly groups: Plan["groups"],
    readonly planes: Plan["planes"],
    readonly bytes: number,
    readonly scratchBytes: number,
    readonly peaks: Plan["peaks"],
    readonly passes: readonly string[],
    readonly loops: readonly string[],
  ) {}

  toString(): string {
    const width = Math.max(...this.planes.map(({ name }) => name.length), 12);
    const row = (name: string, bytes: number) => `${name.padEnd(width)} ${String(bytes).padStart(14)} bytes`;
    return [
      `${this.parameters} parameters, leaves: ${this.leaves}`,
      ...this.planes.map(({ name, bytes }) => row(name, bytes)),
      row("all planes", this.bytes),
      row("peak of init", this.peaks.init),
      row("peak of save", this.peaks.save),
      "",
      ...this.groups.map(({ rules, leaves }) => `leaves: ${leaves}, rules: ${rules.join(", ") || "none"}`),
      "",
      "a step:",
      ...this.passes.map((pass) => `  ${pass}`),
    ].join("\n");
  }
}

export function planOf(program: Program, updates: boolean): Plan {
  const { layout, groups } = program;
  const sizes = planeSizes(program, updates);
  // Groups have a piece each of a slot.
  const named = new Map<string, number>();
  for (const { name, bytes } of sizes) if (bytes > 0) named.set(name, (named.get(name) ?? 0) + bytes);
  const planes = [...named].map(([name, bytes]) => ({ name, bytes }));
  const sum = (some: readonly { readonly bytes: number }[]) => some.reduce((total, { bytes }) => total + bytes, 0);
  const bytes = sum(planes);
  const saved = sum(sizes.filter(({ id }) => id === "params" || typeof id === "number"));
  const lengths = (leaves: readonly { readonly length: number }[]) => leaves.reduce((n, { length }) => n + length, 0);
  const passes = program.actions.flatMap((action) => {
    if (action.kind !== "stage") return [];
    const group = groups[action.group]!;
    const stage = group.stages[action.stage]!;
    const where = stage.byLeaf ? `, leaf by leaf (${layout.groups[action.group]!.leaves.length})` : "";
    return stage.passes.flatMap((pass) => {
      if (pass.kind === "loop") {
        return signaturesOf({ ...group, stages: [{ ...stage, passes: [pass] }] })
          .slice(0, 1)
          .map((name) => name + where);
      }
      return [`${group.rules[pass.rule]!.address}${pass.kind === "norm" ? ": sums" : ""}${where}`];
    });
  });
  return new Table(
    lengths(layout.leaves),
    layout.leaves.length,
    layout.groups.map(({ leaves }, g) => ({
      rules: groups[g]?.rules.map(({ address }) => address) ?? ["freeze"],
      leaves: leaves.length,
      parameters: lengths(leaves),
    })),
    planes,
    bytes,
    sum(planes.filter(({ name }) => name === "scratch")),
    { init: bytes, save: bytes + saved },
    passes,
    [...new Set(groups.flatMap((group) => signaturesOf(group)))],
  );
}
