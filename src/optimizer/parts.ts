import type { Engine } from "../backends/backend.ts";
import type { Program } from "../program/program.ts";
import { Runner } from "../program/runner.ts";
import type { Host, StepValues } from "../program/values.ts";
import { PlaneViews } from "./views.ts";

/** What an optimizer is made of: no part of the interface. One object, as there may be thousands. */
export class Parts extends Runner {
  declare readonly engine: Engine;
  readonly keepsUpdates: boolean;
  #views: PlaneViews | undefined;

  constructor(program: Program, engine: Engine, values: readonly StepValues[], host: Host, keepsUpdates: boolean) {
    super(program, engine, values, host);
    this.keepsUpdates = keepsUpdates;
  }

  /** Made when they are first asked for. */
  get views(): PlaneViews {
    this.#views ??= new PlaneViews(this.program, this.engine);
    return this.#views;
  }
}
