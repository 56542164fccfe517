// Runs the stages of a program on a device: every pass is a dispatch for each piece of its group. Nothing comes back: norms
// stay there as factors.

import { bodies } from "../../generated/bodies.ts";
import { wgsl } from "../../generated/wgsl.ts";
import type { Pass } from "../../program/compile.ts";
import type { Meeting, Part, Program } from "../../program/program.ts";
import type { StepValues } from "../../program/values.ts";
import type { NormRule } from "../../updates/rule.ts";
import type { BackendInfo, Mode, PlaneId, Steps } from "../backend.ts";
import { planLoop, type Variant, variantAt } from "../wasm/loops.ts";
import { type Constants, whereIs } from "./constants.ts";
import type { Gpu } from "./gpu.ts";
import { type Draft, Passes, type Prepared, type Work } from "./passes.ts";
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
interface Choice {
  readonly drafts: readonly Draft[];
  readonly pick: () => number;
}

/** The same, ready to be encoded. */
interface Ready extends Pick<Choice, "pick"> {
  readonly prepared: readonly Prepared[];
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

export class GpuEngine implements Steps {
  readonly backend: BackendInfo;
  readonly passes: Passes;
  readonly #program: Program;
  readonly #values: readonly StepValues[];
  readonly #planes: Planes;
  readonly #tables: Tables;
  readonly #gpu: Gpu;
  readonly #keeps: boolean;
  readonly #ready = new Map<string, readonly Ready[]>();
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  /** Groups that have come to the norm at hand. */
  #there: readonly number[] = [];

  constructor(
    gpu: Gpu,
    program: Program,
    values: readonly StepValues[],
    planes: Planes,
    tables: Tables,
    keepsUpdates: boolean,
    backend: BackendInfo,
  ) {
    this.backend = backend;
    this.passes = new Passes(gpu, planes, tables);
    this.#gpu = gpu;
    this.#program = program;
    this.#values = values;
    this.#planes = planes;
    this.#tables = tables;
    this.#keeps = keepsUpdates;
  }

  /** Makes ready what `step()` takes; what `update()` takes is made when it is first called. */
  async compile(): Promise<void> {
    const { groups, actions } = this.#program;
    const wanted = new Map<string, readonly Choice[]>();
    for (const action of actions) {
      if (action.kind === "norm") wanted.set(`factor ${action.rule}`, [this.#treeFactor(action)]);
      if (action.kind !== "stage") continue;
      const { group, stage } = action;
      const { barrier } = groups[group]!.stages[stage]!;
      for (const mode of barrier?.kind === "accumulate" ? (["start", "add"] as const) : (["apply"] as const)) {
        wanted.set(`${group} ${stage} ${mode}`, this.#stage(group, stage, mode));
      }
    }
    groups.forEach((_, group) => {
      wanted.set(`${group} flush`, this.#flushes(group));
      if (this.#keeps) wanted.set(`${group} add updates`, [this.#addition(group, "updates")]);
    });
    const drafts = [...wanted.values()].flat().flatMap((choice) => choice.drafts);
    await this.#gpu.compile(drafts.flatMap((draft) => this.passes.textsOf(draft)));
    for (const [key, choices] of wanted) this.#make(key, choices);
  }

  /** What the passes of a `step()` come to that changes parameters, without those of every 64th step. */
  traffic(): { dispatches: number; bytes: number } {
    let [dispatches, bytes] = [0, 0];
    for (const action of this.#program.actions) {
      const choices: Choice[] = [];
      if (action.kind === "stage") choices.push(...this.#stage(action.group, action.stage, "apply"));
      else if (action.kind === "norm") choices.push(this.#treeFactor(action));
      for (const { drafts, pick } of choices) {
        const { planes, works } = drafts[pick()]!;
        dispatches += works.length;
        const times = planes.reduce((sum, { reads, writes }) => sum + Number(reads) + Number(writes), 0);
        for (const { elements } of works) bytes += 4 * times * elements;
      }
    }
    return { dispatches, bytes };
  }

  /** What `run` asks for goes into this encoder. */
  record(encoder: GPUCommandEncoder, run: () => void): void {
    this.#encoder = encoder;
    try {
      run();
    } finally {
      this.#end();
      this.#encoder = null;
    }
  }

  begin(): void {}

  stage(group: number, stage: number, mode: Mode): void {
    this.#encode(`${group} ${stage} ${mode}`, () => this.#stage(group, stage, mode));
    const isLast = stage === this.#program.groups[group]!.stages.length - 1;
    if (this.#keeps && isLast && mode === "apply") this.#add(group, "updates");
  }

  settle(meeting: Meeting, there: readonly Part[]): void {
    this.#there = there.map(({ group }) => group);
    this.#encode(`factor ${meeting.rule}`, () => [this.#treeFactor(meeting)]);
  }

  zeroGrads(group: number): void {
    this.#end();
    for (const piece of this.#pieces(group)) {
      const { buffer, offset } = this.#planes.at("grads", piece)!;
      this.#encoder!.clearBuffer(buffer, offset, (piece.end - piece.begin) * 4);
    }
  }

  apply(group: number): void {
    this.#add(group, "grads");
  }

  /** Sums up the squares of a plane, leaf by leaf, for `Tables.read`. */
  measure(id: PlaneId): void {
    this.#encode(`measure ${id}`, () => {
      const { groups, layout } = this.#program;
      return (id === "params" ? layout.groups : groups).map((_, group) => {
        const planes = new PlaneList();
        const x = planes.add(id);
        const form = { a: null, b: null, wantsParams: false };
        return only({
          planes: planes.planes,
          works: this.#works(group, true),
          values: new Float64Array(0),
          factorsOf: () => undefined,
          shader: (constants, binding) =>
            normShader(2, { x, p: null }, form, this.#tables.ofPlane(id), constants, binding),
        });
      });
    });
  }

  #add(group: number, from: "grads" | "updates"): void {
    this.#encode(`${group} add ${from}`, () => [this.#addition(group, from)]);
  }

  #addition(group: number, from: "grads" | "updates"): Choice {
    return this.#loop(group, noOperations, from, "params", "apply");
  }

  flush(group: number): void {
    this.#encode(`${group} flush`, () => this.#flushes(group));
  }

  #make(key: string, choices: readonly Choice[]): readonly Ready[] {
    const ready = choices.map(({ drafts, pick }): Ready => {
      return { prepared: drafts.map((draft) => this.passes.prepare(draft)), pick };
    });
    this.#ready.set(key, ready);
    return ready;
  }

  #encode(key: string, choices: () => readonly Choice[]): void {
    for (const { prepared, pick } of this.#ready.get(key) ?? this.#make(key, choices())) {
      this.#pass ??= this.#encoder!.beginComputePass();
      this.passes.encode(prepared[pick()]!, this.#pass);
    }
  }

  #end(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  #pieces(group: number): Piece[] {
    return this.#planes.pieces.filter((piece) => piece.group === group);
  }

  #stage(group: number, stage: number, mode: Mode): Choice[] {
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

  #draft(group: number, planes: PlaneList, works: readonly Work[], shader: Draft["shader"]): Draft {
    const { values } = this.#values[group]!;
    return { planes: planes.planes, works, values, factorsOf: this.#tables.factorsOf(group), shader };
  }

  /** A dispatch for each piece: over its elements, or over its chunks. */
  #works(group: number, byChunk: boolean): Work[] {
    return this.#pieces(group).map((piece): Work => {
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
    const wantsP =
      sink === "apply" ||
      variant.steps.some(({ token }) => token === "decay" || (token !== "scale" && bodies[token].readsP));
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
    const values = this.#values[group]!;
    const wantsParams = (values.rules[rule]!.rule as { params?: boolean }).params === true;
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

  #treeFactor({ rule, parts }: Meeting): Choice {
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
        const isThere = () => (this.#there.includes(group) ? count : 0);
        return { first: constants.integer(() => first), count: constants.integer(isThere) };
      });
      return treeFactorShader(call, ranges, factor, norm, constants);
    });
    return only(draft);
  }

  #factorCall(group: number, local: number, order: number, owner: number, constants: Constants): FactorCall {
    const values = this.#values[group]!;
    const { name } = values.rules[local]!.rule;
    const options = wgsl.factors[name]!.options.map((option) => constants.number(() => values.options[local][option]));
    return { rule: name, order, base: this.#tables.ofRule(owner).sums, options };
  }

  #kernelPass(group: number, pass: PassOf<"kernel">): Choice[] {
    const planes = new PlaneList();
    const places = { x: planes.add(pass.source), p: null, out: planes.add("scratch", { reads: false, writes: true }) };
    const { values, steps, rules } = this.#values[group]!;
    const a = (constants: Constants) => constants.expression(pass.a, 1);
    if (pass.entry.kernel === "addNoise") {
      const scalar = (name: string) => () => values[pass.scalars.get(name)!]!;
      const { index } = rules[pass.rule]!;
      const draft = this.#draft(group, planes, this.#works(group, true), (constants, binding) => {
        const key = ["key0", "key1"].map((name) => constants.integer(scalar(name)));
        const told = {
          a: a(constants),
          sigma: constants.number(scalar("sigma")),
          key: `vec2u(${key.join()})`,
          step: constants.integer(() => steps[pass.rule]!),
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
    return this.#pieces(group).flatMap((piece) =>
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

  #flushes(group: number): Choice[] {
    const slots = this.#program.groups[group]!.slots.flat().filter((slot) => this.#program.slots[slot]!.decays);
    return slots.map((slot) => this.#loop(group, noOperations, slot, slot, "store", true));
  }
}
