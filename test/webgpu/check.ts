// What is held on a device, for engines with a test runner and without.

/** Largest deviations, by what they are from. */
export type Deviations = Readonly<Record<string, number>>;

/** Throws, or says how far off the device was at most. */
export interface Check {
  readonly name: string;
  run(device: GPUDevice): Promise<Deviations>;
}

/** Collects what checks return. */
export class Worst {
  readonly found: Record<string, number> = {};

  add(deviations: Deviations): void {
    for (const [from, deviation] of Object.entries(deviations)) {
      this.found[from] = Math.max(this.found[from] ?? 0, deviation);
    }
  }
}

/** A worst deviation in words. */
export const worstWords = (found: Deviations): string =>
  Object.entries(found)
    .map(([from, deviation]) => `${deviation.toExponential(1)} from ${from}`)
    .join(", ");
