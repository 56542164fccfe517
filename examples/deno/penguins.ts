// The penguins of a CSV file, read as a stream: the whole of it is never in memory.
//
// penguins.csv: the Palmer penguins, by Kristen Gorman, Palmer Station LTER, as Allison Horst, Alison Hill and Kristen
// Gorman published them (doi.org/10.5281/zenodo.3960218, CC0), in random order: a model that saw one species after the
// other would forget the first.

export const SPECIES = ["Adelie", "Chinstrap", "Gentoo"];

/** Columns that the model sees, each with about its mean and spread: so that all are of one size. */
export const MEASURES: readonly (readonly [column: string, mean: number, spread: number])[] = [
  ["bill_length_mm", 44, 5],
  ["bill_depth_mm", 17, 2],
  ["flipper_length_mm", 200, 14],
  ["body_mass_g", 4200, 800],
];

export interface Penguin {
  readonly measures: readonly number[];
  /** Its index in SPECIES. */
  readonly species: number;
}

/** What the user can mend; the message says how. */
export class UserError extends Error {}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Those that were measured: "NA" stands where one was not. */
export async function* readPenguins(path: string): AsyncGenerator<Penguin> {
  if ((await Deno.stat(path)).isDirectory) throw new UserError(`${path} is a folder, expected a CSV file.`);
  // Who reads no further ends the loop below, and that closes the file.
  const file = await Deno.open(path);
  let names: string[] | undefined;
  let line = 0;
  for await (const text of linesOf(file.readable.pipeThrough(new TextDecoderStream()))) {
    line++;
    const cells = text.split(","); // no cell of such files has a comma in it
    if (!names) {
      const missing = ["species", ...MEASURES.map(([name]) => name)].filter((name) => !cells.includes(name));
      if (missing.length > 0) throw new UserError(`${path} has no column ${missing.join(", ")}.`);
      names = cells;
      continue;
    }
    const cell = (name: string) => cells[names!.indexOf(name)] ?? "";
    if (MEASURES.some(([name]) => cell(name) === "NA")) continue;
    const measures = MEASURES.map(([name, mean, spread]) => {
      const value = Number(cell(name) || Number.NaN);
      if (Number.isFinite(value)) return (value - mean) / spread;
      throw new UserError(`${path}, line ${line}: ${name} is "${cell(name)}", expected a number or NA.`);
    });
    const species = SPECIES.indexOf(cell("species"));
    if (species < 0) {
      throw new UserError(`${path}, line ${line}: species is "${cell("species")}", expected ${SPECIES.join(" or ")}.`);
    }
    yield { measures, species };
  }
}

/** Every fifth penguin is held out: never trained on, so that the model can be asked about it. */
export async function* split(path: string, part: "training" | "held out"): AsyncGenerator<Penguin> {
  let index = 0;
  for await (const penguin of readPenguins(path)) {
    if ((index++ % 5 === 0) === (part === "held out")) yield penguin;
  }
}

/**
 * Batches, pass after pass, from a step on. What comes next depends on nothing but the step, which the checkpoint knows:
 * training that goes on needs no other state.
 */
export async function* batchesFrom(step: number, path: string, size: number): AsyncGenerator<Penguin[]> {
  let made = 0;
  for (;;) {
    const before = made;
    let batch: Penguin[] = [];
    for await (const penguin of split(path, "training")) {
      batch.push(penguin);
      if (batch.length < size) continue;
      if (made++ >= step) yield batch;
      batch = [];
    }
    if (made === before) throw new UserError(`${path} has too few penguins: a batch takes ${size}.`);
  }
}
