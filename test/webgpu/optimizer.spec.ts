// What an optimizer on a device does, beside the arithmetic.

import { describe, expect, it, vi } from "vitest";
import {
  accumulate,
  adam,
  averageParams,
  chain,
  DeviceLostError,
  DisposedError,
  ema,
  freeze,
  lamb,
  partition,
  StateError,
  scale,
  scaleByAdam,
  scaleByStddev,
  scaleByYogi,
  sgd,
  skipNonFinite,
  stateless,
  TreeMismatchError,
  trace,
  type Update,
} from "../../src/index.ts";
import { openDevice } from "./device.mjs";
import { expectSame, grads, type Numbers, params, usual, wave } from "./support.ts";
import { device } from "./the-device.ts";

/** Elements between leaves, which begin on lines of 64, that loops run over. */
const PADDING = 24 + 49;

const onDevice = (update: Update) => update.init(params(), { backend: "webgpu", device });

describe("steps", () => {
  it("waits for nothing: steps are synchronous, what is read comes behind them", async () => {
    const [gpu, wasm] = [await onDevice(usual()), usual().initSync(params())];
    for (let step = 0; step < 10; step++) expect(gpu.step(grads(step))).toBe(wasm.step(grads(step)));
    expect(gpu.count).toBe(10);
    expectSame(await gpu.read("params"), wasm.params);
    expect(gpu.backend).toMatchObject({ name: "webgpu", path: "shaders" });
    gpu.dispose();
  });

  it("takes arrays whose memory can grow, of which browsers take none, and shared ones", async () => {
    const gpu = await sgd({ learningRate: 1 }).init({ w: new Float32Array(4) }, { backend: "webgpu", device });
    const write = vi.spyOn(GPUQueue.prototype, "writeBuffer");
    // @ts-expect-error ES2024
    const growing = new ArrayBuffer(16, { maxByteLength: 64 });
    for (const memory of [growing, new SharedArrayBuffer(16)]) gpu.step({ w: new Float32Array(memory).fill(1) });
    for (const [, , data] of write.mock.calls) {
      const { buffer } = data as Float32Array;
      expect([buffer instanceof ArrayBuffer, Reflect.get(buffer, "resizable")]).toEqual([true, false]);
    }
    vi.restoreAllMocks();
    expect((await gpu.read("params")).w).toEqual(new Float32Array(4).fill(-2));
    gpu.dispose();
  });

  it("gives the same bits each time", async () => {
    const run = async () => {
      const gpu = await onDevice(usual());
      for (let step = 0; step < 5; step++) gpu.step(grads(step));
      const bits = Buffer.from((await gpu.read("params")).bias.buffer).toString("hex");
      gpu.dispose();
      return bits;
    };
    expect(await run()).toBe(await run());
  });

  it("leaves gradients as they are; update() and apply() make the bits of step()", async () => {
    const [inOne, inTwo] = [await onDevice(usual()), await onDevice(usual())];
    for (let step = 0; step < 3; step++) {
      inOne.step(grads(step));
      inTwo.update(grads(step));
      expect(() => inTwo.step()).toThrow(StateError);
      inTwo.apply();
    }
    expectSame(await inOne.read("grads"), {
      bias: grads(2).bias,
      kernel: grads(2).kernel,
      scale: Float32Array.of(-1.5),
    });
    expect(await inTwo.read("params")).toEqual(await inOne.read("params"));
    expect(() => inTwo.apply()).toThrow(StateError);
    for (const one of [inOne, inTwo]) one.dispose();
  });

  it("encodes several steps into an encoder of the caller's, each with its own scalars", async () => {
    const update = () => chain(adam({ learningRate: (step) => 0.1 / (1 + step) }));
    const [gpu, wasm] = [await onDevice(update()), update().initSync(params())];
    gpu.step(grads(0));
    const encoder = device.createCommandEncoder();
    const next = device.createCommandEncoder();
    const create = vi.spyOn(GPUDevice.prototype, "createBuffer");
    for (let step = 1; step < 4; step++) gpu.encode(encoder);
    for (let step = 4; step < 70; step++) gpu.encode(next);
    expect(create).toHaveBeenCalledTimes(2); // each for 64 steps
    create.mockRestore();
    device.queue.submit([encoder.finish(), next.finish()]);
    for (let step = 0; step < 70; step++) wasm.step(grads(0));
    expect(gpu.count).toBe(70);
    expectSame(await gpu.read("params"), wasm.params);
    gpu.dispose();
  });

  it("gathers gradients, and swaps the average", async () => {
    const update = () => accumulate(chain(adam({ learningRate: 0.1 }), averageParams({ decay: 0.9 })), { every: 2 });
    const [gpu, wasm] = [await onDevice(update()), update().initSync(params())];
    for (let step = 0; step < 5; step++) expect(gpu.step(grads(step))).toBe(wasm.step(grads(step)));
    expect(gpu.count).toBe(2);
    const own = await gpu.read("params");
    expectSame(own, wasm.params);
    gpu.swapAverage();
    wasm.swapAverage();
    expectSame(await gpu.read("params"), wasm.params);
    expect(() => gpu.step(grads(0))).toThrow(StateError);
    gpu.swapAverage();
    expect(await gpu.read("params")).toEqual(own);
    gpu.dispose();
  });

  it("takes more planes than the device binds, in one dispatch", async () => {
    const update = () =>
      chain(scaleByAdam(), trace(), scaleByStddev(), scaleByYogi(), ema({ decay: 0.5 }), scale(-0.01), averageParams());
    const [gpu, wasm] = [await onDevice(update()), update().initSync(params())];
    expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    for (let step = 0; step < 3; step++) {
      gpu.step(grads(step));
      wasm.step(grads(step));
    }
    expect(gpu.traffic().dispatches).toBe(1);
    expectSame(await gpu.read("params"), wasm.params, 1e-5);
    gpu.dispose();
  });

  it("sets the smallest numbers of decaying state to zero in every 64th step", async () => {
    const gpu = await trace().init({ w: new Float32Array(5) }, { backend: "webgpu", device });
    const last = async () => (await gpu.read("state"))[0]!.trace!.w[4]!;
    gpu.step({ w: new Float32Array(5).fill(1e-29) });
    for (let step = 1; step < 63; step++) gpu.step({ w: new Float32Array(5) });
    expect(await last()).toBeGreaterThan(1e-32);
    gpu.step({ w: new Float32Array(5) });
    expect(await last()).toBe(0);
    gpu.dispose();
  });

  it("has no gradients for frozen leaves", async () => {
    const update = () =>
      partition({ a: adam({ learningRate: 0.1 }), b: freeze() }, { kernel: "a", bias: "b", scale: "a" });
    const [gpu, wasm] = [await onDevice(update()), update().initSync(params())];
    const { bias, ...others } = grads(1);
    gpu.step(others as never);
    wasm.step(others as never);
    expect(Object.keys(gpu.grads)).toEqual(["kernel", "scale"]);
    expectSame(await gpu.read("params"), wasm.params);
    gpu.dispose();
  });
});

describe("what a step moves", () => {
  const count = 1000 + 15 + 1;
  it.each([
    ["adam: 28 bytes a parameter in one dispatch", adam(), 28, 1],
    ["sgd: 12 bytes", sgd(), 12, 1],
    // Momentum: x, p and T are read, p and T written.
    ["momentum: 20 bytes", chain(trace(), scale(-0.1)), 20, 1],
    ["clipping reads the gradients once more: sums, their factor, the loop", usual(), 32, 3],
    ["lamb parks what it measures", lamb(), 28 + 8 + 12, 4],
    [
      "a partition: a dispatch a group",
      partition({ a: adam(), b: sgd() }, { kernel: "a", bias: "b", scale: "a" }),
      null,
      2,
    ],
  ] as const)("%s", async (_name, update, bytes, dispatches) => {
    const gpu = await onDevice(update);
    const begin = GPUComputePassEncoder.prototype.dispatchWorkgroups;
    let counted = 0;
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...given) {
      counted += 1;
      return begin.apply(this, given);
    };
    gpu.step(grads(0));
    GPUComputePassEncoder.prototype.dispatchWorkgroups = begin;
    expect({ counted, ...gpu.traffic() }).toEqual({
      counted: dispatches,
      dispatches,
      bytes: bytes === null ? 28 * (64 + 1) + 12 * 1000 : bytes * (count + PADDING),
    });
    gpu.dispose();
  });
});

describe("checkpoints", () => {
  it("move between backends, and hold the moment at which save() was called", async () => {
    const [gpu, wasm] = [await onDevice(usual()), usual().initSync(params())];
    for (let step = 0; step < 3; step++) {
      gpu.step(grads(step));
      wasm.step(grads(step));
    }
    const saving = gpu.save({ metadata: { epoch: "3" } });
    gpu.step(grads(3));
    const bytes = await saving;
    const there = await usual().restore<ReturnType<typeof params>>(bytes);
    expect(there.count).toBe(3);
    expect(there.carried!.metadata).toEqual({ epoch: "3" });
    expectSame(there.params, wasm.params);
    there.step(grads(3));
    expectSame(there.params, (await gpu.read("params")) as Numbers);
    const again = await usual().restore<ReturnType<typeof params>>(there.save(), undefined, {
      backend: "webgpu",
      device,
    });
    for (const one of [again, gpu]) one.step(grads(4));
    expect(again.count).toBe(5);
    expectSame((await again.read("params")) as Numbers, (await gpu.read("params")) as Numbers);
    const report = await gpu.load(bytes);
    expect([gpu.count, report.fresh, report.dropped]).toEqual([3, [], []]);
    expectSame(await gpu.read("params"), wasm.params);
    for (const one of [gpu, again]) one.dispose();
  });

  it("goes on from an optimizer on wasm or on a device, on either", async () => {
    const update = () => accumulate(chain(adam({ learningRate: 0.1 }), averageParams({ decay: 0.9 })), { every: 2 });
    const wasm = update().initSync(params());
    const gpu = await onDevice(update());
    for (let step = 0; step < 5; step++) for (const one of [wasm, gpu]) one.step(grads(step));
    const { scale, ...kept } = params();
    const grown = { ...kept, added: { shape: [3] } };
    const added = ({ scale, ...kept }: ReturnType<typeof grads>) => ({ ...kept, added: wave(3, 0.4) });
    const [expected, ...others] = [
      await update().init(grown, { from: wasm }),
      await update().init(grown, { from: gpu }),
      await update().init(grown, { from: wasm, backend: "webgpu", device }),
      await update().init(grown, { from: gpu, backend: "webgpu", device }),
    ];
    expect(expected.carried!.fresh).toContain("params/added");
    for (const one of others) expect([one.count, one.carried]).toEqual([2, expected.carried]);
    // The second half of a sum that was begun; then others.
    for (let step = 5; step < 8; step++) {
      for (const one of [expected, ...others]) one.step(added(grads(step)));
    }
    for (const one of others) {
      expect(one.count).toBe(4);
      expectSame((await one.read("params")) as Numbers, expected.params as Numbers);
      const [found, state] = [await one.read("state"), expected.snapshot("state")];
      state.forEach((slots, i) => {
        for (const [name, values] of Object.entries(slots)) {
          expectSame(found[i]![name] as unknown as Numbers, values as unknown as Numbers, 1e-5);
        }
      });
      one.dispose();
    }
    gpu.dispose();
  });

  it("of an optimizer on a device what it has at the call, and not while it has something else under way", async () => {
    const [gpu, wasm] = [await onDevice(usual()), usual().initSync(params())];
    gpu.step(grads(0));
    wasm.step(grads(0));
    const going = usual().init(params(), { from: gpu });
    gpu.step(grads(1));
    const on = await going;
    expect(on.count).toBe(1);
    expectSame(on.params, wasm.params);
    expect(() => usual().initSync(params(), { from: gpu })).toThrow("await init");
    gpu.update(grads(2));
    await expect(usual().init(params(), { from: gpu })).rejects.toThrow(StateError);
    gpu.dispose();
    await expect(usual().init(params(), { from: gpu })).rejects.toThrow(DisposedError);
    await expect(usual().init(params(), { from: {} as never })).rejects.toThrow("expected an optimizer");
  });
});

it("statistics", async () => {
  const init = { stats: true } as const;
  const gpu = await usual().init(params(), { backend: "webgpu", device, ...init });
  const wasm = usual().initSync(params(), init);
  for (let step = 0; step < 2; step++) {
    gpu.step(grads(step));
    wasm.step(grads(step));
  }
  const [found, expected] = [await gpu.stats(), wasm.stats()];
  expect(found).toMatchObject({ count: 2, skipped: 0, rate: 0.01, clipped: true });
  for (const name of ["gradNorm", "paramNorm", "updateNorm"] as const) {
    expect(found[name]! / expected[name]!).toBeCloseTo(1, 5);
  }
  for (const [path, leaf] of Object.entries(expected.leaves!)) {
    for (const [name, norm] of Object.entries(leaf)) {
      expect(found.leaves![path]![name as "gradNorm"] / norm, `${path} ${name}`).toBeCloseTo(1, 5);
    }
  }
  gpu.dispose();
});

describe("when something is wrong", () => {
  it("refuses rules that decide on the host, by name, and says what to use", async () => {
    await expect(onDevice(skipNonFinite(adam()))).rejects.toThrow('no "skipNonFinite" yet');
    const custom = chain(
      stateless((updates) => updates),
      adam(),
    );
    await expect(onDevice(custom)).rejects.toThrow('no "stateless" yet');
    expect(() => adam().initSync(params(), { backend: "webgpu" as never })).toThrow("await init");
  });

  it("refuses gradients of another form before anything is written", async () => {
    const gpu = await onDevice(usual());
    const before = await gpu.read("params");
    expect(() => gpu.step({ ...grads(0), bias: wave(999, 1) })).toThrow(TreeMismatchError);
    expect(gpu.count).toBe(0);
    expect(await gpu.read("params")).toEqual(before);
    gpu.dispose();
  });

  it("without an adapter it says so", async () => {
    await expect(adam().init(params(), { backend: "webgpu" })).rejects.toThrow("no adapter was found");
  });

  it("dispose() frees, and what comes after throws; what was asked for before comes", async () => {
    const gpu = await onDevice(usual());
    const reading = gpu.read("params");
    gpu.dispose();
    expectSame(await reading, usual().initSync(params()).params);
    expect(() => gpu.step(grads(0))).toThrow(DisposedError);
    await expect(gpu.read("params")).rejects.toThrow(DisposedError);
    gpu.dispose();
  });

  it("a lost device: pending calls and later ones are a DeviceLostError", async () => {
    const other = await openDevice();
    const gpu = await usual().init(params(), { backend: "webgpu", device: other });
    gpu.step(grads(0));
    const saving = gpu.save();
    other.destroy();
    await expect(saving).rejects.toThrow(DeviceLostError);
    await other.lost;
    expect(() => gpu.step(grads(1))).toThrow(DeviceLostError);
    expect(gpu.count).toBe(1);
    gpu.dispose();
  });

  it("a device that is lost already, or is none", async () => {
    const other = await openDevice();
    other.destroy();
    await other.lost;
    await expect(adam().init(params(), { backend: "webgpu", device: other })).rejects.toThrow(DeviceLostError);
    const none = adam().init(params(), { backend: "webgpu", device: {} as never });
    await expect(none).rejects.toThrow("init: device is an object, expected a GPUDevice");
  });

  it("a model that the device has no room for: nothing is left behind", async () => {
    // It says that it could, so that it is asked.
    const other = await openDevice({ maxBufferSize: 2 ** 50, maxStorageBufferBindingSize: 2 ** 50 });
    const init = adam().init({ w: { shape: [2 ** 30] } }, { backend: "webgpu", device: other });
    await expect(init).rejects.toThrow(/the device has no room for 17179869184 bytes of planes/);
    await expect(init).rejects.toThrow(RangeError);
    other.destroy();
  });
});
