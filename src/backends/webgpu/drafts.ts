// What the stages of a program want of a device: passes as drafts, which engine.ts makes ready and encodes.

import { wgsl } from "../../generated/wgsl.ts";
import { readsParameters } from "../../link/link.ts";
import type { Pass } from "../../program/compile.ts";
import type { Meeting, Part, Program } from "../../program/program.ts";
import type { StepValues } from "../../program/values.ts";
import type { NormRule } from "../../updates/rule.ts";
import type { Mode, PlaneId } from "../backend.ts";
import { planLoop, type Variant, variantAt } from "../wasm/loops.ts";
import { type Constants, whereIs } from "./constants.ts";
import type { Draft, Work } from "./passes.ts";
import type { Piece, Planes } from "./planes.ts";
import {
  centralizeShader,
  type FactorCall,
  type LoopStep,
  leafFactorShader,
  loopShader,
  noiseShader,
  normShader,
  SHORT_ROW,
  type SinkKind,
  THREADS,
  treeFactorShader,
} from "./shader.ts";
import type { Tables } from "./tables.ts";

type PassOf<Kind> = Extract<Pass, { kind: Kind }>;

/** Passes of which a step takes one. */
export interface Choice {
  readonly drafts: readonly Draft[];
  readonly pick: () => number;
}

/** Planes of a pass, each once. */
class PlaneList {
  readonly planes: { id: PlaneId; reads: boolean; writes: boolean }[] = [];

  /** @returns its place */
  add(id: PlaneId, { reads = true, writes = false } = {}): number {
    const known = this.planes.find((plane) => plane.id === id);
    if (!known) return this.planes.push({ id, reads, writes }) - 1;
    known.reads ||= reads;
    known.writes ||= writes;
    return this.planes.indexOf(known);
  }
}

const only = (draft: Draft): Choice => ({ drafts: [draft], pick: () => 0 });

const noOperations: Pick<Variant, "steps"> = { steps: [] };

export class Drafts {
  /** Groups that have come to the norm at hand. */
  there: readonly number[] = [];
  readonly #program: Program;
  readonly #values: readonly StepValues[];
  readonly #planes: Planes;
  readonly #tables: Tables;
  readonly #keeps: boolean;

  constructor(program: Program, values: readonly StepValues[], planes: Planes, tables: Tables, keepsUpdates: boolean) {
    this.#program = program;
    this.#values = values;
    this.#planes = planes;
    this.#tables = tables;
    this.#keeps = keepsUpdates;
  }

  pieces(group: number): Piece[] {
    return this.#planes.pieces.filter((piece) => piece.group === group);
  }

  stage(group: number, stage: number, mode: Mode): Choice[] {
    const { passes } = this.#program.groups[group]!.stages[stage]!;
    return passes.flatMap((pass) => {
      switch (pass.kind) {
        case "loop":
          return [this.#loopPass(group, pass, mode)];
        case "norm":
          return this.#normPass(group, pass);
        case "kernel":
          return this.#kernelPass(group, pass);
        default:
          return pass satisfies never;
      }
    });
  }

  /** The factor of a tree, made of what the groups that are there have measured. */
  treeFactor({ rule, parts }: Meeting): Choice {
    const [{ group, barrier }] = parts as [Part];
    const { rule: entry, options } = this.#program.chain.all[rule]!;
    const order = (entry as NormRule<Record<string, never>>).order(options as never);
    const { factor, norm } = this.#tables.ofRule(rule);
    const owner = barrier.kind === "norm" ? barrier.owner : rule;
    const work: Work = { piece: null, elements: 0, width: 4, from: 0, told: [1, 0, 0, 0], groups: 1 };
    const draft = this.#draft(group, new PlaneList(), [work], (constants) => {
      const call = this.#factorCall(group, barrier.local, order, owner, constants);
      const ranges = parts.map(({ group }) => {
        const { first, count } = this.#tables.chunksOfGroup[group]!;
        const isThere = () => (this.there.includes(group) ? count : 0);
        return { first: constants.integer(() => first), count: constants.integer(isThere) };
      });
      return treeFactorShader(call, ranges, factor, norm, constants);
    });
    return only(draft);
  }

  flushes(group: number): Choice[] {
    const slots = this.#program.groups[group]!.slots.flat().filter((slot) => this.#program.slots[slot]!.decays);
    return slots.map((slot) => this.#loop(group, noOperations, slot, slot, "store", true));
  }
  /** p ← p + what a plane holds. */
  addition(group: number, from: "grads" | "updates"): Choice {
    return this.#loop(group, noOperations, from, "params", "apply");
  }

  /** The squares of a plane, summed up leaf by leaf, for `Tables.read`. */
  measure(id: PlaneId): Choice[] {
    const { groups, layout } = this.#program;
    return (id === "params" ? layout.groups : groups).map((_, group) => {
      const planes = new PlaneList();
      const x = planes.add(id);
      const form = { a: null, b: null, wantsParams: false };
      return only({
        planes: planes.planes,
        works: this.#works(group, true),
        values: [],
        factorsOf: () => undefined,
        shader: (constants, binding) =>
          normShader(2, { x, p: null }, form, this.#tables.ofPlane(id), constants, binding),
      });
    });
  }

  #draft(group: number, planes: PlaneList, works: readonly Work[], shader: Draft["shader"]): Draft {
    const { values } = this.#values[group]!;
    return { planes: planes.planes, works, values, factorsOf: this.#tables.factorsOf(group), shader };
  }

  /** A dispatch for each piece: over its elements, or over its chunks. */
  #works(group: number, byChunk: boolean): Work[] {
    return this.pieces(group).map((piece): Work => {
      const { width } = piece;
      const { first, count: chunks } = this.#tables.chunksOfPiece[piece.index]!;
      const count = Math.ceil((piece.end - piece.begin) / width);
      const groups = byChunk ? chunks : Math.ceil(count / THREADS);
      return { piece, elements: piece.end - piece.begin, width, from: 0, told: [count, first, chunks, 0], groups };
    });
  }

  #loopPass(group: number, pass: PassOf<"loop">, mode: Mode): Choice {
    const program = this.#program.groups[group]!;
    const plan = planLoop(program, pass);
    const applies = mode === "apply" && pass.sink === "result" && !this.#keeps;
    const result = applies ? "params" : mode === "apply" ? "updates" : "grads";
    const out = pass.sink === "park" ? "scratch" : pass.sink === "result" ? result : pass.sink;
    const sink: SinkKind = applies ? "apply" : typeof out === "number" && mode === "add" ? "add" : "store";
    const drafts = plan.variants.map((variant) => this.#loop(group, variant, pass.source, out, sink).drafts[0]!);
    return { drafts, pick: () => variantAt(plan, program, this.#values[group]!) };
  }

  #loop(
    group: number,
    variant: Pick<Variant, "steps">,
    source: PlaneId,
    out: PlaneId,
    sink: SinkKind,
    flushes = false,
  ): Choice {
    const planes = new PlaneList();
    const x = planes.add(source);
    const wantsP = sink === "apply" || variant.steps.some(({ token }) => readsParameters(token));
    const p = wantsP ? planes.add("params") : null;
    const slots = variant.steps.map((step) => step.slots.map((slot) => planes.add(slot, { writes: true })));
    const places = { x, p, out: planes.add(out, { reads: sink === "add", writes: true }) };
    const shader: Draft["shader"] = (constants, binding) => {
      const steps = variant.steps.map((step, i): LoopStep => {
        const taken = step.constants.map(({ expression, absent }) => constants.expression(expression, absent));
        if (step.token === "scale") return { kind: "scale", a: taken[0]! };
        if (step.token === "decay") return { kind: "decay", a: taken[0]!, b: taken[1]! };
        return { kind: "body", body: step.token, constants: taken, slots: slots[i]! };
      });
      return loopShader(flushes ? [{ kind: "flush" }] : steps, sink, places, constants, binding);
    };
    const byChunk = variant.steps.some(({ constants }) =>
      constants.some(({ expression }) => whereIs(expression, this.#tables.factorsOf(group)) === "leaf"),
    );
    return only(this.#draft(group, planes, this.#works(group, byChunk), shader));
  }

  #normPass(group: number, { source, form, order, rule, owner, settles }: PassOf<"norm">): Choice[] {
    const { rules } = this.#program.groups[group]!;
    const wantsParams = (rules[rule]!.rule as { params?: boolean }).params === true;
    const planes = new PlaneList();
    const x = planes.add(source);
    const p = form.b || wantsParams ? planes.add("params") : null;
    const { sums } = this.#tables.ofRule(owner);
    const measure = this.#draft(group, planes, this.#works(group, true), (constants, binding) => {
      const a = form.a && constants.expression(form.a, 1);
      const b = form.b && constants.expression(form.b, 0);
      return normShader(order, { x, p }, { a, b, wantsParams }, sums, constants, binding);
    });
    if (!settles) return [only(measure)];
    const { factor: leafFactors } = this.#tables.ofRule(owner);
    const { first, count } = this.#tables.leavesOfGroup[group]!;
    const work: Work = { piece: null, elements: 0, width: 4, from: 0, told: [count, first, 0, 0], groups: count };
    const factor = this.#draft(group, new PlaneList(), [work], (constants) =>
      leafFactorShader(this.#factorCall(group, rule, order, owner, constants), leafFactors, constants),
    );
    return [only(measure), only(factor)];
  }

  #factorCall(group: number, local: number, order: number, owner: number, constants: Constants): FactorCall {
    const values = this.#values[group]!;
    const { name } = this.#program.groups[group]!.rules[local]!.rule;
    const options = wgsl.factors[name]!.options.map((option) => constants.number(() => values.options[local][option]));
    return { rule: name, order, base: this.#tables.ofRule(owner).sums, options };
  }

  #kernelPass(group: number, pass: PassOf<"kernel">): Choice[] {
    const planes = new PlaneList();
    const places = { x: planes.add(pass.source), p: null, out: planes.add("scratch", { reads: false, writes: true }) };
    const { rules } = this.#program.groups[group]!;
    const own = this.#values[group]!;
    const a = (constants: Constants) => constants.expression(pass.a, 1);
    if (pass.entry.kernel === "addNoise") {
      const scalar = (name: string) => () => own.values[pass.scalars.get(name)!]!;
      const { index } = rules[pass.rule]!;
      const draft = this.#draft(group, planes, this.#works(group, true), (constants, binding) => {
        const key = ["key0", "key1"].map((name) => constants.integer(scalar(name)));
        const told = {
          a: a(constants),
          sigma: constants.number(scalar("sigma")),
          key: `vec2u(${key.join()})`,
          step: constants.integer(() => own.stepOf(pass.rule)),
          rule: `${index}u`,
        };
        return noiseShader(places, told, constants, binding);
      });
      return [only(draft)];
    }
    return [true, false].flatMap((isShort) => {
      const works = this.#rows(group).filter(({ told }) => told[1] <= SHORT_ROW === isShort);
      const shader: Draft["shader"] = (constants, binding) =>
        centralizeShader(places, a(constants), isShort, constants, binding);
      return works.length > 0 ? [only(this.#draft(group, planes, works, shader))] : [];
    });
  }

  /** A dispatch for the rows of each leaf; a leaf without rows is only multiplied, line by line. */
  #rows(group: number): Work[] {
    return this.pieces(group).flatMap((piece) =>
      piece.parts.flatMap(({ leaf, from, length }): Work[] => {
        const isCentered = leaf.shape.length > 1;
        if (isCentered && length < leaf.length) {
          throw new RangeError(
            `centralize: "${leaf.path}" is larger than one binding of the device: use backend "wasm"`,
          );
        }
        const place = this.#tables.placeOf(leaf);
        const begin = leaf.offset + from - piece.begin;
        const rows = (count: number, columns: number, at: number): Work => ({
          piece,
          elements: count * columns,
          width: 1,
          from: begin + at,
          told: [count, columns, isCentered ? 1 : 0, place],
          groups: columns <= SHORT_ROW ? Math.ceil(count / THREADS) : count,
        });
        if (isCentered) return [rows(leaf.shape[0]!, length / leaf.shape[0]!, 0)];
        const lines = Math.floor(length / SHORT_ROW);
        const rest = length % SHORT_ROW;
        return [
          ...(lines > 0 ? [rows(lines, SHORT_ROW, 0)] : []),
          ...(rest > 0 ? [rows(1, rest, lines * SHORT_ROW)] : []),
        ];
      }),
    );
  }
}
