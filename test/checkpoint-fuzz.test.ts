// Checkpoints, damaged in ten thousand ways by seed: bytes, header and metadata. FC_SEED tries others.

import { expect, it } from "vitest";
import { edited, metadataOf, PARTS } from "./support/checkpoint.ts";
import { atWork, HOSTILE, judge, pathsIn, replaced, SOUND, WAYS } from "./support/checkpoint-damage.ts";
import { mutate, type Random, randomFrom } from "./support/safetensors.ts";

/** One to three nodes of the metadata, replaced by hostile values, by one another, or a little larger or smaller. */
function mutateMetadata(file: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const any = <T>(list: readonly T[]): T => list[random(list.length)]!;
  let mutated = file as Uint8Array<ArrayBuffer>;
  for (let changes = random(3); changes >= 0; changes--) {
    const part = any(PARTS);
    try {
      const metadata = metadataOf(mutated);
      const at = (path: readonly (string | number)[]) =>
        path.reduce<unknown>((node, key) => (node as Record<string | number, unknown>)[key], metadata[part]);
      const path = any(pathsIn(metadata[part]));
      const value = at(path);
      const texts = [
        () => any(HOSTILE.slice(0, -4))[1],
        () => JSON.stringify(at(any(pathsIn(metadata[part])))),
        () => (typeof value === "number" ? String(value + random(5) - 2) : JSON.stringify([value])),
        () => (Array.isArray(value) ? JSON.stringify([...value, ...value]) : null),
        () => (Array.isArray(value) ? JSON.stringify([...value].reverse()) : "0"),
        () => null,
      ];
      mutated = edited(mutated, () => ({ [part]: replaced(metadata[part], path, any(texts)() ?? null) }));
    } catch {
      // It is no JSON any more.
      return mutated;
    }
  }
  return mutated;
}

const COUNT = 2500;

it.each(SOUND.map((sound) => [sound.name, COUNT, sound] as const))(
  "%s, damaged in %i ways",
  async (_name, count, sound) => {
    const prototype = Object.getOwnPropertyNames(Object.prototype);
    const first = Number(process.env.FC_SEED ?? 20_240_901);
    const optimizer = await atWork(sound);
    const messages = new Set<string>();
    let [read, refused] = [0, 0];
    for (let seed = first; seed < first + count; seed++) {
      const random = randomFrom(seed);
      const file = random(3)
        ? mutateMetadata(sound.file, random)
        : (mutate(sound.file, random) as Uint8Array<ArrayBuffer>);
      const way = WAYS[random(WAYS.length)]!;
      try {
        const result = await judge(sound, file, way, optimizer);
        if (typeof result === "string") {
          refused++;
          messages.add(result.replace(/".*"|\d+/g, "_"));
        } else read++;
      } catch (error) {
        throw new Error(`FC_SEED=${seed}, ${JSON.stringify(way)}: ${error}`, { cause: error });
      }
    }
    expect(read).toBeGreaterThan(count / 50);
    expect(refused).toBeGreaterThan(count / 3);
    expect(messages.size).toBeGreaterThan(25);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype);
    expect("polluted" in {}).toBe(false);
  },
);
