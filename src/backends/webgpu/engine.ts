// Runs the stages of a program on a device: every pass is a dispatch for each piece of its group. Nothing comes back: norms
// stay there as factors.

import type { Meeting, Part, Program } from "../../program/program.ts";
import type { StepValues } from "../../program/values.ts";
import type { BackendInfo, Mode, PlaneId, Steps } from "../backend.ts";
import { type Choice, Drafts } from "./drafts.ts";
import type { Gpu } from "./gpu.ts";
import { Passes, type Prepared } from "./passes.ts";
import type { Planes } from "./planes.ts";
import type { Tables } from "./tables.ts";

/** The same, ready to be encoded. */
interface Ready extends Pick<Choice, "pick"> {
  readonly prepared: readonly Prepared[];
}

export class GpuEngine implements Steps {
  readonly backend: BackendInfo;
  readonly passes: Passes;
  readonly #program: Program;
  readonly #planes: Planes;
  readonly #drafts: Drafts;
  readonly #gpu: Gpu;
  readonly #keeps: boolean;
  readonly #ready = new Map<string, readonly Ready[]>();
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;

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
    this.#planes = planes;
    this.#drafts = new Drafts(program, values, planes, tables, keepsUpdates);
    this.#keeps = keepsUpdates;
  }

  /** Makes ready what `step()` takes; what `update()` takes is made when it is first called. */
  async compile(): Promise<void> {
    const { groups, actions } = this.#program;
    const wanted = new Map<string, readonly Choice[]>();
    for (const action of actions) {
      if (action.kind === "norm") wanted.set(`factor ${action.rule}`, [this.#drafts.treeFactor(action)]);
      if (action.kind !== "stage") continue;
      const { group, stage } = action;
      const { barrier } = groups[group]!.stages[stage]!;
      for (const mode of barrier?.kind === "accumulate" ? (["start", "add"] as const) : (["apply"] as const)) {
        wanted.set(`${group} ${stage} ${mode}`, this.#drafts.stage(group, stage, mode));
      }
    }
    groups.forEach((_, group) => {
      wanted.set(`${group} flush`, this.#drafts.flushes(group));
      if (this.#keeps) wanted.set(`${group} add updates`, [this.#drafts.addition(group, "updates")]);
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
      if (action.kind === "stage") choices.push(...this.#drafts.stage(action.group, action.stage, "apply"));
      else if (action.kind === "norm") choices.push(this.#drafts.treeFactor(action));
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
    this.#encode(`${group} ${stage} ${mode}`, () => this.#drafts.stage(group, stage, mode));
    const isLast = stage === this.#program.groups[group]!.stages.length - 1;
    if (this.#keeps && isLast && mode === "apply") this.#add(group, "updates");
  }

  settle(meeting: Meeting, there: readonly Part[]): void {
    this.#drafts.there = there.map(({ group }) => group);
    this.#encode(`factor ${meeting.rule}`, () => [this.#drafts.treeFactor(meeting)]);
  }

  zeroGrads(group: number): void {
    this.#end();
    for (const piece of this.#drafts.pieces(group)) {
      const { buffer, offset } = this.#planes.at("grads", piece)!;
      this.#encoder!.clearBuffer(buffer, offset, (piece.end - piece.begin) * 4);
    }
  }

  apply(group: number): void {
    this.#add(group, "grads");
  }

  /** Sums up the squares of a plane, leaf by leaf, for `Tables.read`. */
  measure(id: PlaneId): void {
    this.#encode(`measure ${id}`, () => this.#drafts.measure(id));
  }

  #add(group: number, from: "grads" | "updates"): void {
    this.#encode(`${group} add ${from}`, () => [this.#drafts.addition(group, from)]);
  }

  flush(group: number): void {
    this.#encode(`${group} flush`, () => this.#drafts.flushes(group));
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
}
