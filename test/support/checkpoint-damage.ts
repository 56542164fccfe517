// Damaged checkpoints: each is refused as such, or gives an optimizer that works; an optimizer at work stays as it was.

import {
  accumulate,
  adam,
  averageParams,
  CheckpointError,
  chain,
  clipByGlobalNorm,
  control,
  freeze,
  masked,
  noisySgd,
  type Optimizer,
  partition,
  reduceOnPlateau,
  scale,
  sgd,
  skipNonFinite,
  stateful,
  TreeMismatchError,
  trace,
  type Update,
} from "../../src/index.ts";
import { numbers } from "./checkpoint-chains.js";

const of = (...values: number[]) => Float32Array.of(...values);

/** What is damaged. */
export interface Sound {
  readonly name: string;
  readonly update: Update;
  /** An optimizer as it was saved. */
  readonly make: () => Optimizer<never>;
  readonly file: Uint8Array<ArrayBuffer>;
  /** One more step. */
  readonly step: (optimizer: Optimizer<never>) => boolean;
}

/** A user's state that bears any damage. */
const patient = stateful(
  () => ({
    arrays: [of(1, 2), Float64Array.of(3), BigInt64Array.of(4n), new Uint8ClampedArray(3), Int16Array.of(5)],
    numbers: [Number.NaN, -0, 1.5],
    others: [undefined, null, true, "text", 12345678901234567890n, { a: { b: [] } }],
    keys: JSON.parse('{ "__proto__": 1, "a": 2 }'),
  }),
  (updates, state) => [updates, state],
);

function sound(name: string, update: Update, params: object, later: object | null = null): Sound {
  const step = (optimizer: Optimizer<never>) => {
    for (const leaf of optimizer.internals.views.leaves("grads")) leaf?.set(numbers(leaf.length, leaf.length));
    return optimizer.step(optimizer.grads as never, { value: 1 });
  };
  const make = () => {
    let optimizer = update.initSync(params) as Optimizer<never>;
    for (let k = 0; k < 5; k++) step(optimizer);
    if (later) {
      optimizer = update.initSync({ ...params, ...later }, { from: optimizer }) as Optimizer<never>;
      for (let k = 0; k < 2; k++) step(optimizer);
    }
    return optimizer;
  };
  return { name, update, make, file: make().save(), step };
}

const label = (path: string) => (path.startsWith("a") ? "a" : path.startsWith("f") ? "f" : "b");

export const SOUND: readonly Sound[] = [
  sound(
    "adam with a control and a schedule",
    chain(
      noisySgd({ seed: 2n ** 60n, learningRate: control(0.5) }),
      adam({ learningRate: (step) => 0.1 / (1 + step) }),
    ),
    {
      w: { data: numbers(6), shape: [2, 3] },
      b: numbers(3),
    },
  ),
  sound(
    "gates and groups, leaves of two ages",
    chain(
      clipByGlobalNorm({ order: Number.POSITIVE_INFINITY }),
      partition(
        { a: accumulate(adam(), { every: 2 }), b: skipNonFinite(sgd({ momentum: control(0.5) })), f: freeze() },
        label,
      ),
      averageParams(),
      masked(scale(0.5), { a: true, b: false, f: false, c: true, d: false }),
    ),
    { a: numbers(4), b: numbers(2), f: numbers(2) },
    { c: numbers(3), d: 1 },
  ),
  sound("a user's state", chain(partition({ a: patient, b: trace(), f: trace() }, label), scale(-0.1)), {
    a: of(1),
    b: of(2),
  }),
  sound("a tree of all kinds", chain(trace(), reduceOnPlateau({ patience: 2, cooldown: 2 }), scale(-0.1)), {
    numbers: [
      { data: [1], shape: [] },
      { data: [2], shape: [] },
    ],
    list: [1, [of(2), {}], []],
    empty: { none: of(), zeros: { shape: [0, 2] } },
    __proto__x: 3,
    "a/b": { "": of(4) },
  }),
];

/** How a damaged file may be read. */
export const WAYS = [{}, { options: "saved" }, { strict: false }, { strict: false, options: "saved" }] as const;

/** An optimizer that {@link judge} may load into. */
export async function atWork({ make, file }: Sound): Promise<Optimizer<never>> {
  const optimizer = make();
  await optimizer.load(file);
  return optimizer;
}

/**
 * Reads a damaged file in one of these ways, by restore and by load.
 *
 * @param optimizer one at work, to load into; when all is well it is given the sound file again
 * @returns why it was refused, or what was restored
 * @throws Error for what must not be
 */
export async function judge(
  { update, step, file }: Sound,
  damaged: Uint8Array<ArrayBuffer>,
  way: (typeof WAYS)[number],
  optimizer: Optimizer<never>,
): Promise<string | Optimizer<never>> {
  let result: string | Optimizer<never>;
  try {
    result = await update.restore<never>(damaged, undefined, way);
  } catch (error) {
    result = wordsOf(error);
  }
  if (typeof result !== "string") works(result, step);

  // Controls are those of all optimizers of the update.
  const before = Buffer.from(optimizer.save());
  let isLoaded = true;
  try {
    await optimizer.load(damaged, "options" in way ? { only: "params" } : way);
  } catch (error) {
    isLoaded = false;
    wordsOf(error);
    if (!before.equals(optimizer.save())) throw new Error("load() has refused, and changed the optimizer");
  }
  if (isLoaded) {
    works(optimizer, step);
    await optimizer.load(file);
    if (!Buffer.from(file).equals(optimizer.save())) throw new Error("a sound file does not mend what was loaded");
  }
  return result;
}

function works(optimizer: Optimizer<never>, step: Sound["step"]): void {
  let changed = optimizer.internals.program.groups.length === 0;
  // The slowest gate of the chains above opens with every second step.
  for (let k = 0; k < 3; k++) changed = step(optimizer) || changed;
  if (!changed) throw new Error("it makes no step");
  optimizer.stats();
  optimizer.save();
}

function wordsOf(error: unknown): string {
  const { message, stack } = error as Error;
  const made = (error as Error).constructor;
  if (made !== CheckpointError && made !== TreeMismatchError)
    throw new Error(`refused with ${stack}`, { cause: error });
  if (message.length > 2000) throw new Error(`${message.length} characters: ${message.slice(0, 500)}`);
  return message;
}

/** JSON of values that stand nowhere in the metadata, and of some that do. */
export const HOSTILE: readonly string[] = [
  ...["null", "true", "-1", "0", "1", "1.5", "1e300", "1e400", "-0", "9007199254740991", "9007199254740992"],
  ...['""', '"NaN"', '"Infinity"', '"-1"', '"1"', '"a"', '"__proto__"', '"\\ud800"', "[]", "[0]", "[1,1]", "{}"],
  ...['{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}', '{"toString":1,"valueOf":1}'],
  ...['{"control":1}', '{"control":{"toString":1,"valueOf":1}}', '{"function":true}', '{"length":3}'],
  ...['{"array":[{"tensor":"params/a"}]}', '{"tensor":"params/b"}', '{"bigint":"9"}', '{"number":"x"}'],
  '{"array":true,"keys":[0],"children":[0]}',
];

const deep = (open: string, middle: string, close: string) => open.repeat(20_000) + middle + close.repeat(20_000);

/** The same, large. */
export const HUGE: readonly string[] = [
  deep("[", "", "]"),
  deep('{"array":[', "", "]}"),
  deep('{"array":true,"keys":[0],"children":[', "0", "]}"),
  `[${"1,".repeat(100_000)}1]`,
];

type Path = readonly (string | number)[];

/** The paths of all nodes of a JSON value; of long lists the first and the last two. */
export function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const keys: (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const some = keys.length > 6 && Array.isArray(value) ? [...keys.slice(0, 3), ...keys.slice(-2)] : keys;
  return [path, ...some.flatMap((key) => pathsIn((value as Record<string | number, unknown>)[key], [...path, key]))];
}

/** A JSON text with another text in the place of a node, or without it. */
export function replaced(value: unknown, path: Path, text: string | null): string {
  const [key, ...rest] = path;
  if (key === undefined) return text ?? "";
  const at = (child: unknown, name: string | number) =>
    String(name) === String(key) ? (rest.length === 0 ? text : replaced(child, rest, text)) : JSON.stringify(child);
  if (Array.isArray(value)) return `[${value.map(at).filter((item) => item !== null)}]`;
  const members = Object.entries(value as object).map(([name, child]) => [name, at(child, name)] as const);
  return `{${members.filter(([, item]) => item !== null).map(([name, item]) => `${JSON.stringify(name)}:${item}`)}}`;
}
