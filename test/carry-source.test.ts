// init(params, { from }): what the optimizer that it goes on from keeps, and when it may not be read.

import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { of, wave } from "./support/models.ts";
import { BACKENDS, bitsIn, expectError } from "./support/untouched.ts";

const { adam, averageParams, chain } = lanestep;
const { DisposedError, StateError } = lanestep;

describe.each(BACKENDS)("the one that it goes on from, on %s", (backend) => {
  it("must be an optimizer that is not in the middle of something", async () => {
    const update = chain(adam(), averageParams());
    const from = update.initSync({ w: of(1) }, { backend });
    const again = () => update.initSync({ w: of(1) }, { backend, from });
    expectError(
      () => update.initSync({ w: of(1) }, { backend, from: {} as never }),
      TypeError,
      /^init: from is an object, expected an optimizer/,
    );
    from.update({ w: of(1) });
    expectError(again, StateError, /^init\(\) between update\(\) and apply\(\)/);
    await expect(update.init({ w: of(1) }, { backend, from })).rejects.toThrow(StateError);
    from.apply();
    from.swapAverage();
    expectError(again, StateError, /^init\(\) while the average stands in the parameters/);
    from.swapAverage();
    expect(again().count).toBe(1);
    from.dispose();
    expectError(again, DisposedError, /disposed/);
  });

  it("may be of another backend, and of another engine's memory", () => {
    const other = backend === "wasm" ? "reference" : "wasm";
    const from = adam().initSync({ w: wave(5) }, { backend: other });
    from.step({ w: wave(5) });
    const optimizer = adam().initSync({ w: wave(5) }, { backend, from });
    expect([optimizer.params, optimizer.state, optimizer.count]).toEqual([from.params, from.state, 1]);
  });

  it("may take a step while init waits: what is taken over is of one moment", async () => {
    const update = adam({ learningRate: 0.1 });
    const from = update.initSync({ w: wave(5) }, { backend });
    const goesOn = [0, 1].map(() => update.initSync({ w: wave(5) }, { backend }));
    for (const one of [from, ...goesOn]) one.step({ w: wave(5) });
    const waiting = update.init({ w: wave(5) }, { backend, from });
    from.step({ w: wave(5, 1) });
    goesOn[1]!.step({ w: wave(5, 1) });
    const optimizer = await waiting;
    const same = goesOn.find(({ count }) => count === optimizer.count)!;
    expect([optimizer.params, optimizer.state]).toEqual([same.params, same.state]);
    for (const one of [optimizer, same]) one.step({ w: wave(5, 2) });
    expect(bitsIn(optimizer.params)).toEqual(bitsIn(same.params));
  });
});
