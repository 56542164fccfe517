// A checkpoint meets another chain, other options or another model: what is refused, what is told, what is taken.

import { describe, expect, it } from "vitest";
import {
  accumulate,
  adam,
  addNoise,
  averageParams,
  CheckpointError,
  centralize,
  chain,
  clip,
  clipByGlobalNorm,
  ema,
  freeze,
  masked,
  type Optimizer,
  partition,
  reduceOnPlateau,
  rmsprop,
  scale,
  scaleByAdam,
  scaleByRms,
  scaleBySchedule,
  sgd,
  skipNonFinite,
  stateful,
  stateless,
  TreeMismatchError,
  trace,
  type Update,
} from "../src/index.ts";
import { edited, expectLoadRefused, expectRejection, gradients, stepped, tree } from "./support/checkpoint.ts";
import { numbers, written } from "./support/checkpoint-chains.js";

const counting = stateful(
  () => ({ calls: 0 }),
  (updates, { calls }: { calls: number }) => [updates, { calls: calls + 1 }],
);

/** Refused by restore and by load, with the same words, and nothing has changed. */
async function expectRefused(
  update: Update,
  file: Uint8Array,
  message: string | RegExp,
  other = CheckpointError as never,
) {
  await expectRejection(() => update.restore(file), other, message);
  await expectRejection(() => update.restore(file, tree()), other, message);
  const optimizer = stepped(update, 2);
  await expectLoadRefused(optimizer as never, () => optimizer.load(file), other, message);
}

const mend = "{ strict: false } takes what fits";

describe("a rule with state", () => {
  const before = chain(scaleByAdam(), trace(), scale(-0.1));
  it("that was added is named", async () => {
    const file = stepped(chain(scaleByAdam(), scale(-0.1))).save();
    const message = `the checkpoint lacks "state/trace/trace/b", "state/trace/trace/w" (it was saved by the chain scaleByAdam, scale); ${mend}`;
    await expectRefused(before, file, message);
  });

  it("that was removed is named", async () => {
    const message = `the checkpoint has "state/trace/trace/b", "state/trace/trace/w", which is not wanted here (it was saved by the chain scaleByAdam, trace, scale); ${mend}`;
    await expectRefused(chain(scaleByAdam(), scale(-0.1)), stepped(before).save(), message);
  });

  it("that another has taken the place of is named, and so is the other", async () => {
    const message =
      /^the checkpoint lacks "state\/scaleByRms\/nu\/b", .* and has "state\/scaleByAdam\/mu\/b", .*scaleByAdam, trace, scale\)/;
    await expectRefused(chain(scaleByRms(), trace(), scale(-0.1)), stepped(before).save(), message);
  });

  it("that was there twice is named with its number", async () => {
    const file = stepped(chain(trace(), trace({ decay: 0.5 }), scale(-0.1))).save();
    const message =
      /^the checkpoint has "state\/trace#2\/trace\/b", "state\/trace#2\/trace\/w", which is not wanted here/;
    await expectRefused(chain(trace(), scale(-0.1)), file, message);
  });

  it("of a label that has another name is named by its place", async () => {
    const of = (label: string) => partition({ [label]: adam() }, { w: label, b: label });
    const message =
      /lacks "state\/partition\/head~1~0\/scaleByAdam\/mu\/b".* and has "state\/partition\/tail\/scaleByAdam\/mu\/b"/;
    await expectRefused(of("head/~"), stepped(of("tail")).save(), message);
  });

  it.each([
    ["reduceOnPlateau", reduceOnPlateau()],
    ["stateful", counting],
    ["accumulate", accumulate(chain(), { every: 2 })],
    ["averageParams", averageParams()],
  ])("%s is one too, added or removed", async (name, rule) => {
    await expectRefused(chain(rule, sgd()), stepped(sgd()).save(), new RegExp(`^the checkpoint lacks "state/${name}`));
    const message = new RegExp(`^the checkpoint has "state/${name}[^ ]*".* which is not wanted here`);
    await expectRefused(sgd(), stepped(chain(rule, sgd())).save(), message);
  });

  it("of many names the first five are listed", async () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i + 10}`, numbers(1)]));
    const file = sgd().initSync(many).save();
    await expectRejection(
      () => adam().restore(file),
      CheckpointError,
      /"state\/scaleByAdam\/nu\/k11".* and 35 more \(it/,
    );
  });
});

describe("a rule without state may come and go", () => {
  const stateless1 = stateless((updates) => updates);
  it.each<[string, Update, Update]>([
    ["clip", sgd({ momentum: 0.9 }), chain(clip(), sgd({ momentum: 0.9 }))],
    ["clipByGlobalNorm", adam(), chain(clipByGlobalNorm(), adam())],
    ["scale", adam(), chain(scale(2), adam(), scale(0.5))],
    [
      "scaleBySchedule",
      adam(),
      chain(
        adam(),
        scaleBySchedule((step) => 1 / (1 + step)),
      ),
    ],
    ["stateless", adam(), chain(stateless1, adam())],
    ["addNoise and centralize", adam(), chain(addNoise(), centralize(), adam())],
    ["masked decay", adam(), chain(masked(scale(2), { w: true, b: false }), adam())],
    ["freeze, of rules without state", sgd(), chain(masked(freeze(), { w: true, b: false }), sgd())],
  ])("%s", async (_name, without, having) => {
    for (const [before, after] of [[without, having] as const, [having, without] as const]) {
      const file = stepped(before, 7);
      const restored = await after.restore(file.save());
      expect(restored.carried!.fresh).toEqual([]);
      expect(restored.carried!.dropped).toEqual([]);
      expect(written(restored.params)).toBe(written(file.params));
      expect(restored.count).toBe(7);
      const loaded = stepped(after, 2);
      await loaded.load(file.save());
      restored.step(gradients(7) as never);
      loaded.step(gradients(7) as never);
      expect(written([loaded.params, loaded.state])).toBe(written([restored.params, restored.state]));
    }
  });

  it("bias corrections and schedules go on where they were", async () => {
    const rate = (step: number) => 1 / (1 + step);
    const before = stepped(adam({ learningRate: rate }), 9);
    const after = await chain(clip({ delta: 1e30 }), adam({ learningRate: rate })).restore(before.save());
    before.step(gradients(9) as never);
    after.step(gradients(9) as never);
    expect(written(after.params)).toBe(written(before.params));
  });

  it("accumulate's count of steps stays what it was when a gate is put before it", async () => {
    const seen: number[] = [];
    const rate = (step: number) => {
      seen.push(step);
      return 0.1;
    };
    const update = accumulate(sgd({ learningRate: rate, momentum: 0.9 }), { every: 3 });
    const file = stepped(update, 10).save();
    seen.length = 0;
    const again = await update.restore(file);
    again.step(gradients(0) as never);
    expect(new Set(seen)).toEqual(new Set([3]));
  });
});

describe("names", () => {
  const update = adam();
  const grown = { w: numbers(5), b: numbers(2), c: numbers(3) };

  it("that are missing or unexpected are refused, or told with strict: false", async () => {
    const file = stepped(update).save();
    const missing = /^the checkpoint lacks "params\/c", "state\/scaleByAdam\/mu\/c", "state\/scaleByAdam\/nu\/c" \(it/;
    await expectRejection(() => update.restore(file, grown), CheckpointError, missing);
    const restored = await update.restore(file, grown, { strict: false });
    expect(restored.carried!.fresh).toEqual(["params/c", "state/scaleByAdam/mu/c", "state/scaleByAdam/nu/c"]);
    expect(restored.carried!.dropped).toEqual([]);
    expect(restored.params.c).toEqual(grown.c);

    const small = { w: numbers(5) };
    const unexpected =
      /^the checkpoint has "params\/b", "state\/scaleByAdam\/mu\/b", "state\/scaleByAdam\/nu\/b", which is not wanted here/;
    await expectRejection(() => update.restore(file, small), CheckpointError, unexpected);
    const shrunk = await update.restore(file, small, { strict: false });
    expect(shrunk.carried!.dropped).toEqual(["params/b", "state/scaleByAdam/mu/b", "state/scaleByAdam/nu/b"]);
    expect(shrunk.carried!.fresh).toEqual([]);

    const optimizer = update.initSync(grown);
    for (let step = 0; step < 2; step++) optimizer.step({ ...gradients(step), c: numbers(3, step) });
    await expectLoadRefused(optimizer as never, () => optimizer.load(file), CheckpointError, missing);
    // One loop computes with one age, and c has none yet.
    const ages = /^the checkpoint has leaves of different ages .* restore\(bytes, params\) makes a new one$/;
    const load = () => optimizer.load(file, { strict: false });
    await expectLoadRefused(optimizer as never, load, CheckpointError, ages);
    const plain = sgd().initSync(grown);
    const report = await plain.load(stepped(sgd()).save(), { strict: false });
    expect(report).toMatchObject({ carried: ["params/b", "params/w"], fresh: ["params/c"], dropped: [], options: [] });
    expect(plain.params.c).toEqual(grown.c);
  });

  it("with another shape are always refused", async () => {
    const file = stepped(update).save();
    for (const w of [numbers(6), { data: numbers(5), shape: [5, 1] }, { data: numbers(5), shape: [1, 5] }, 1]) {
      const other = { w, b: numbers(2) };
      for (const strict of [true, false]) {
        const message = /^"params\.w" has shape .*, "params\/w" of the checkpoint 5$/;
        await expectRejection(() => update.restore(file, other as never, { strict }), TreeMismatchError, message);
        const optimizer = update.initSync(other) as never as Optimizer<never>;
        await expectLoadRefused(optimizer, () => optimizer.load(file, { strict }), TreeMismatchError, message);
        await expectLoadRefused(
          optimizer,
          () => optimizer.load(file, { strict, only: "params" }),
          TreeMismatchError,
          message,
        );
      }
    }
  });

  it("of a state that does not fit its parameter are refused", async () => {
    const file = edited(stepped(update).save(), (_, header) => {
      header["state/scaleByAdam/nu/w"]!.shape = [5, 1];
    });
    await expectRefused(
      update,
      file,
      /^"params\.w" has shape 5, "state\/scaleByAdam\/nu\/w" of the checkpoint 5×1$/,
      TreeMismatchError as never,
    );
  });

  it("of averages: load takes parameters from another chain", async () => {
    const file = stepped(chain(ema({ decay: 0.5 }), rmsprop(), averageParams())).save();
    const optimizer = stepped(update, 4);
    const [state, count] = [written(optimizer.state), optimizer.count];
    const report = await optimizer.load(file, { only: "params" });
    expect(report).toMatchObject({ carried: ["params/b", "params/w"], fresh: [], dropped: [], options: [] });
    expect([written(optimizer.state), optimizer.count]).toEqual([state, count]);
    expect(written(optimizer.params)).toBe(
      written(stepped(chain(ema({ decay: 0.5 }), rmsprop(), averageParams())).params),
    );
    const skipping = stepped(skipNonFinite(update), 2);
    await skipping.load(file, { only: "params" });
    expect(skipping.step(gradients(3) as never)).toBe(true);
  });
});
