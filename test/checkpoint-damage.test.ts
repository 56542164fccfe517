// Every value of a checkpoint's metadata, replaced by what must not stand there; and files that are none.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { adam, CheckpointError, sgd } from "../src/index.ts";
import {
  edited,
  expectLoadRefused,
  expectRejection,
  headerOf,
  metadataOf,
  PARTS,
  stepped,
  withHeader,
} from "./support/checkpoint.ts";
import { numbers } from "./support/checkpoint-chains.js";
import { atWork, HOSTILE, HUGE, judge, pathsIn, replaced, SOUND, WAYS } from "./support/checkpoint-damage.ts";

const prototype = Object.getOwnPropertyNames(Object.prototype);

describe.each(SOUND.map((sound) => [sound.name, sound] as const))("%s", (_name, sound) => {
  it.each(PARTS)("any value in %s may be another, or be gone", async (part) => {
    const metadata = metadataOf(sound.file);
    const optimizer = await atWork(sound);
    const seen = new Set<string>();
    let count = 0;
    for (const [nth, path] of pathsIn(metadata[part]).entries()) {
      // A third of them in each place: all together they would take half a minute.
      const values = [...HOSTILE.filter((_, i) => (i + nth) % 3 === 0), null];
      for (const json of values) {
        const way = WAYS[count++ % WAYS.length]!;
        const file = edited(sound.file, () => ({ [part]: replaced(metadata[part], path, json) }));
        try {
          const result = await judge(sound, file, way, optimizer);
          seen.add(typeof result === "string" ? result.replace(/".*"|\d+/g, "_") : "restored");
          // What users keep, what a rule has seen of a loss, and options, may be any number.
          if (typeof result === "string" || /memories|custom|control/.test(path.join()) || "options" in way) continue;
          const leaves = result.internals.views.leaves("params");
          if (leaves.some((leaf) => leaf?.some((x) => !Number.isFinite(x)))) throw new Error("NaN came of it");
        } catch (error) {
          const where = `${part} at ${JSON.stringify(path)}: ${json?.slice(0, 100)}, ${JSON.stringify(way)}`;
          throw new Error(`${where}: ${error}`, { cause: error });
        }
      }
    }
    expect(count).toBeGreaterThan(100);
    expect(seen.size).toBeGreaterThan(2);
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototype);
    expect("polluted" in {}).toBe(false);
  });
});

describe("values without measure", () => {
  it.each([
    ["chain", []],
    ["chain", [0]],
    ["chain", [0, 1, "eta"]],
    ["host", []],
    ["host", ["counts"]],
    ["host", ["groups"]],
    ["host", ["custom", 1]],
    ["tree", ["leaves"]],
    ["tree", ["skeleton"]],
    ["tree", ["skeleton", "keys"]],
  ] as const)("%s at %j", async (part, path) => {
    const sound = SOUND[part === "host" ? 2 : 0]!;
    const optimizer = await atWork(sound);
    for (const json of HUGE) {
      const file = edited(sound.file, () => ({ [part]: replaced(metadataOf(sound.file)[part], path, json) }));
      await judge(sound, file, { strict: false }, optimizer);
    }
  });
});

describe("a file that is no checkpoint of this chain", () => {
  const update = adam();
  const optimizer = stepped(update);
  const file = optimizer.save();
  const refused = async (damaged: Uint8Array | ArrayBuffer, message: string | RegExp) => {
    await expectRejection(() => update.restore(damaged), CheckpointError, message);
    await expectRejection(() => update.restore(damaged, undefined, { strict: false }), CheckpointError, message);
    await expectLoadRefused(optimizer as never, () => optimizer.load(damaged), CheckpointError, message);
    await expectLoadRefused(
      optimizer as never,
      () => optimizer.load(damaged, { strict: false }),
      CheckpointError,
      message,
    );
    await expectLoadRefused(
      optimizer as never,
      () => optimizer.load(damaged, { only: "params" }),
      CheckpointError,
      message,
    );
  };

  it("is cut off anywhere", async () => {
    for (let end = 0; end < file.length; end += end < 16 || end > file.length - 70 ? 1 : 97) {
      await refused(file.slice(0, end), /./);
    }
    await refused(new Uint8Array(), "the file has 0 bytes, expected at least 8: is it cut off?");
    await refused(new ArrayBuffer(3), /^the file has 3 bytes/);
    await refused(file.slice(0, -1), /^tensor ".*" ends at byte \d+, the file at byte \d+: is it cut off\?$/);
  });

  it("is longer than it says", async () => {
    await refused(
      Uint8Array.from([...file, 0]),
      /^the file ends at byte \d+: the bytes from \d+ on belong to no tensor$/,
    );
  });

  it.each(["F16", "BF16", "F64", "I32", "U8"])("has tensors of %s where F32 is expected", async (dtype) => {
    const size = { F16: 2, BF16: 2, F64: 8, I32: 4, U8: 1 }[dtype]!;
    for (const name of ["params/b", "state/scaleByAdam/mu/b"]) {
      const damaged = edited(file, (_, header) => {
        header[name] = { ...header[name]!, dtype, shape: [8 / size] };
      });
      await refused(damaged, `tensor "${name}" is ${dtype}, expected F32`);
    }
  });

  it("is of another tool", async () => {
    const words =
      'this is no checkpoint: its metadata lacks "format": "lanestep 1". readSafetensors() reads weights alone';
    const python = new URL("fixtures/python-0.8.0.safetensors", import.meta.url);
    await refused(Uint8Array.from(readFileSync(python)), words);
    const { header, data } = headerOf(file);
    const { __metadata__: _, ...tensors } = header;
    await refused(withHeader(tensors, data), words);
    for (const format of ["pt", "", "lanestep", "lanestep x", "lanestep 1 ", " lanestep 1", "Lanestep 1"]) {
      await refused(
        edited(file, (_, header) => {
          header.__metadata__.format = format;
        }),
        words,
      );
    }
    await refused(new TextEncoder().encode("PK\x03\x04 a zip file, as PyTorch's"), /is it a safetensors file\?$/);
  });

  it.each(["lanestep 2", "lanestep 10", "lanestep 99999999999999999999"])(
    "is of the later format %s",
    async (format) => {
      const damaged = edited(file, (_, header) => {
        header.__metadata__.format = format;
      });
      await refused(damaged, new RegExp(`^the checkpoint has the format "${format}", .*"lanestep 1"`));
    },
  );

  it.each(PARTS)("has no %s, or one that is no JSON", async (part) => {
    const without = edited(file, (_, { __metadata__ }) => void delete __metadata__[part]);
    const { header, data } = headerOf(without);
    delete header.__metadata__[part];
    await refused(withHeader(header, data), `the checkpoint's metadata "${part}" is missing`);
    for (const text of ["", "{", "[", "undefined", "NaN", "'", "{}x", "\u0000"]) {
      await refused(
        edited(file, () => ({ [part]: text })),
        new RegExp(`^the checkpoint's metadata "${part}" is no JSON \\(`),
      );
    }
  });

  it("lacks a tensor, has one too many, or one under two names", async () => {
    const renamed = (from: string, to: string) =>
      edited(file, (_, header) => {
        header[to] = header[from]!;
        delete header[from];
      });
    await refused(renamed("params/b", "params/c"), /^tensor "params\/b" is missing|"c"/);
    await refused(renamed("params/b", "parameters/b"), /parameters\/b|"params\/b" is missing/);
    await refused(
      renamed("state/scaleByAdam/mu/b", "state/other/mu/b"),
      'tensor "state/other/mu/b" belongs to no rule of the saved chain',
    );
    await refused(renamed("state/scaleByAdam/mu/b", "custom/x/0"), /^tensor "custom\/x\/0" belongs to no/);
    await refused(renamed("state/scaleByAdam/mu/b", "momentum/b"), /^tensor "momentum\/b" is none of a checkpoint's$/);
    await refused(renamed("state/scaleByAdam/mu/b", "params/~u0062"), /mean the same|is missing|parameters are there/);
  });

  it("has leaves that are not those of its tree", async () => {
    const wrong = /^the checkpoint's metadata "tree" is no tree/;
    const restored = async (change: (tree: { skeleton: { keys: string[] }; leaves: [string, string][] }) => void) => {
      const damaged = edited(file, ({ tree }) => change(tree));
      await expectRejection(() => update.restore(damaged), CheckpointError, wrong);
      await expectRejection(() => update.restore(damaged, undefined, { strict: false }), CheckpointError, wrong);
    };
    await restored(({ skeleton }) => {
      skeleton.keys[0] = "shape";
    });
    await restored(({ skeleton }) => {
      skeleton.keys[0] = "v";
    });
    await restored(({ leaves }) => {
      leaves[0]![0] = "w";
    });
  });

  it("is made to read one tensor a thousand times", async () => {
    const { update: patient, file: saved } = SOUND[2]!;
    const damaged = edited(saved, ({ host }) => {
      host.custom[1] = { array: Array.from({ length: 1000 }, () => ({ tensor: "params/a", kind: "Float32Array" })) };
    });
    await expectRejection(() => patient.restore(damaged), CheckpointError, /"params\/a"/);
    const twice = edited(saved, ({ host }) => {
      host.custom[1] = {
        array: [0, 0].map((nth) => ({ tensor: `custom/partition/a/stateful/${nth}`, kind: "Float32Array" })),
      };
    });
    await expectRejection(() => patient.restore(twice), CheckpointError, /"custom\/partition\/a\/stateful\/0"/);
  });

  it.each([undefined, null, 5, 1e12, "a string", {}, [1, 2], new Blob([])])("is no bytes at all: %s", async (given) => {
    const words = /bytes is .*, expected an ArrayBuffer or a Uint8Array/;
    await expectRejection(() => sgd().restore(given as never), TypeError, words);
    await expectRejection(() => stepped(sgd()).load(given as never), TypeError, words);
    expect(numbers(1).length).toBe(1);
  });
});
