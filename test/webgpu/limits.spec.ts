// What lies at the limits: nothing at all, a large leaf and many, and what goes on while something is waited for.

import { afterEach, describe, expect, it, vi } from "vitest";
import {
  adam,
  centralize,
  chain,
  clipByGlobalNorm,
  DeviceLostError,
  DisposedError,
  lamb,
  lookahead,
  scaleByTrustRatio,
  sgd,
} from "../../src/index.ts";
import { openDevice } from "./device.mjs";
import { expectSame, grads, type Numbers, params, usual, wave } from "./support.ts";
import { bufferOf, device, read } from "./the-device.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("few and many", () => {
  it("no leaves", async () => {
    const gpu = await usual().init({}, { backend: "webgpu", device });
    const wasm = usual().initSync({});
    for (let step = 0; step < 2; step++) expect(gpu.step({})).toBe(wasm.step({}));
    expect([gpu.count, await gpu.read("params"), gpu.params]).toEqual([wasm.count, {}, {}]);
    expect((await usual().restore(await gpu.save())).count).toBe(gpu.count);
    gpu.dispose();
  });

  it("leaves without elements, alone and beside others", async () => {
    const none = () => ({ a: new Float32Array(0), b: { data: new Float32Array(0), shape: [0, 3] } });
    const update = () => chain(clipByGlobalNorm(), lamb(), scaleByTrustRatio());
    const only = await update().init(none(), { backend: "webgpu", device });
    only.step(none());
    expect(await only.read("params")).toEqual({ a: new Float32Array(0), b: new Float32Array(0) });
    only.dispose();
    const both = () => ({ ...none(), w: wave(100, 0.3) });
    const [gpu, wasm] = [await update().init(both(), { backend: "webgpu", device }), update().initSync(both())];
    for (const one of [gpu, wasm]) one.step({ ...none(), w: wave(100, 0.7) });
    // They have no place, and need none.
    gpu.step(gpu.grads);
    wasm.step(wasm.grads as never);
    expectSame((await gpu.read("params")) as Numbers, wasm.params as Numbers);
    expect((await gpu.stats()).gradNorm).toBeCloseTo(wasm.stats().gradNorm, 4);
    gpu.dispose();
  });

  it("300 leaves: as many dispatches as one", async () => {
    const tree = (by: number) =>
      Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`l${i}`, wave(1 + ((i * 37) % 200), by + i)]));
    const [gpu, wasm] = [await lamb().init(tree(0.1), { backend: "webgpu", device }), lamb().initSync(tree(0.1))];
    for (let step = 0; step < 3; step++) for (const one of [gpu, wasm]) one.step(tree(step));
    expect(gpu.traffic().dispatches).toBe(4);
    expectSame((await gpu.read("params")) as Numbers, wasm.params as Numbers, 1e-5);
    gpu.dispose();
  });

  it("leaves of the host go up together, large ones alone: each number in its place", async () => {
    // The second cuts the large leaf, of which the rest is a small one.
    for (const limits of [{}, { maxStorageBufferBindingSize: 65_536 }]) {
      const own = await openDevice(limits);
      const tree = Object.fromEntries(
        Array.from({ length: 700 }, (_, i) => [`l${i}`, wave(i === 20 ? 20_000 : 1 + ((i * 37) % 200), 0.1 + i)]),
      );
      const zeros = Object.fromEntries(Object.entries(tree).map(([name, { length }]) => [name, { shape: [length] }]));
      const gpu = await sgd({ learningRate: 1 }).init(zeros, { backend: "webgpu", device: own });
      const write = vi.spyOn(GPUQueue.prototype, "writeBuffer");
      gpu.step(tree);
      expect(write.mock.calls.length).toBeLessThan(20);
      expect(await gpu.read("params")).toEqual(
        Object.fromEntries(Object.entries(tree).map(([name, values]) => [name, values.map((x) => -x)])),
      );
      own.destroy();
    }
  });

  it("with zeros in the padding between them, whatever went up before", async () => {
    const before = await sgd().init({ w: { shape: [256] } }, { backend: "webgpu", device });
    before.step({ w: new Float32Array(256).fill(9) });
    const tree = { a: { shape: [10] }, b: { shape: [65] }, c: { shape: [1] } };
    const gpu = await sgd().init(tree, { backend: "webgpu", device });
    gpu.step({ a: wave(10, 0.1), b: wave(65, 0.2), c: Float32Array.of(5) });
    const expected = new Float32Array(256);
    expected.set(wave(10, 0.1));
    expected.set(wave(65, 0.2), 64);
    expected[192] = 5;
    expect(await read(gpu.grads.a.buffer as GPUBuffer)).toEqual(expected);
    for (const one of [before, gpu]) one.dispose();
  });

  it("a leaf larger than a binding: in pieces, each number in its place", async () => {
    const length = 40_000_000;
    const gpu = await sgd({ learningRate: 1 }).init({ w: { shape: [length] } }, { backend: "webgpu", device });
    expect(gpu.traffic()).toEqual({ dispatches: Math.ceil((4 * length) / 2 ** 27), bytes: 12 * length });
    expect(() => gpu.params).toThrow("it is larger than one binding");
    const w = new Float32Array(length);
    // Around the ends of pieces, and at those of the leaf.
    const marked = [0, 2 ** 25 - 1, 2 ** 25, length - 2, length - 1];
    for (const [i, at] of marked.entries()) w[at] = i + 1;
    gpu.step({ w });
    const found = (await gpu.read("params")).w;
    expect(marked.map((at) => found[at])).toEqual(marked.map((_, i) => -i - 1));
    expect(found.reduce((sum, x) => sum + Math.abs(x), 0)).toBe((marked.length * (marked.length + 1)) / 2);
    gpu.dispose();
  });
});

it("rows that do not fit in a binding are refused by name, on a device of few bindings too", async () => {
  for (const maxStorageBuffersPerShaderStage of [8, 4]) {
    const own = await openDevice({ maxStorageBufferBindingSize: 65_536, maxStorageBuffersPerShaderStage });
    const init = (shape: readonly number[]) => centralize().init({ w: { shape } }, { backend: "webgpu", device: own });
    await expect(init([5, 4096])).rejects.toThrow('centralize: "w" is larger than one binding of the device');
    expect((await init([4, 4096])).traffic().dispatches).toBeGreaterThan(0);
    own.destroy();
  }
});

describe("while something is waited for", () => {
  const onDevice = () => usual().init(params(), { backend: "webgpu", device });

  it("statistics are those of the call", async () => {
    const update = () => chain(clipByGlobalNorm(), adam({ learningRate: (step) => 0.1 / (1 + step) }));
    const [gpu, wasm] = [await update().init(params(), { backend: "webgpu", device }), update().initSync(params())];
    for (const one of [gpu, wasm]) one.step(grads(0));
    const pending = gpu.stats();
    gpu.step(grads(1));
    const [found, expected] = [await pending, wasm.stats()];
    expect([found.count, found.rate]).toEqual([1, 0.1]);
    expect(found.paramNorm / expected.paramNorm).toBeCloseTo(1, 5);
    expect((await gpu.stats()).rate).toBe(0.05);
    gpu.dispose();
  });

  it("dispose(): what was asked for comes, and load() is a DisposedError", async () => {
    const gpu = await onDevice();
    gpu.step(grads(0));
    const bytes = await gpu.save();
    gpu.step(grads(1));
    const pending = Promise.allSettled([gpu.read("state"), gpu.stats(), gpu.save(), gpu.load(bytes)]);
    gpu.dispose();
    const [state, stats, saved, loaded] = await pending;
    expect([state.status, stats.status, saved.status]).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(loaded).toMatchObject({ status: "rejected", reason: expect.any(DisposedError) });
    expect(gpu.count).toBe(2);
    expect(() => gpu.encode(device.createCommandEncoder())).toThrow(DisposedError);
  });

  it("a device lost between: each pending promise and each later call is a DeviceLostError", async () => {
    const own = await openDevice();
    const [first, second] = [
      await usual().init(params(), { backend: "webgpu", device: own }),
      await lamb().init(params(), { backend: "webgpu", device: own }),
    ];
    const bytes = await first.save();
    for (const one of [first, second]) one.step(grads(0));
    const pending = Promise.allSettled([first.read("params"), first.stats(), second.save(), second.load(bytes)]);
    const starting = adam().init(params(), { backend: "webgpu", device: own });
    own.destroy();
    await expect(starting).rejects.toThrow(DeviceLostError);
    for (const one of await pending) {
      expect(one).toMatchObject({ status: "rejected", reason: expect.any(DeviceLostError) });
    }
    for (const one of [first, second]) {
      expect(() => one.step(grads(1))).toThrow(DeviceLostError);
      expect(() => one.params).toThrow(DeviceLostError);
      expect(one.count).toBe(1);
      one.dispose();
      expect(() => one.step(grads(1))).toThrow(DisposedError);
    }
  });

  it("others that start on the device: errors go to whom they belong, shaders are compiled once", async () => {
    const own = await openDevice({ maxBufferSize: 2 ** 50, maxStorageBufferBindingSize: 2 ** 50 });
    const compile = vi.spyOn(GPUDevice.prototype, "createShaderModule");
    const init = (length: number) => adam().init({ w: { shape: [length] } }, { backend: "webgpu", device: own });
    const started = await Promise.allSettled([init(2 ** 30), init(10), init(20), init(2 ** 30), init(30)]);
    expect(started.map(({ status }) => status === "fulfilled")).toEqual([false, true, true, false, true]);
    await init(40);
    const texts = compile.mock.calls.map(([{ code }]) => code);
    expect(texts.length).toBeGreaterThan(0);
    expect(new Set(texts).size).toBe(texts.length);
    own.destroy();
  });
});

describe("buffers of the caller's", () => {
  it("with what goes on from another: new leaves keep the values of theirs", async () => {
    const update = () => lookahead(adam(), { every: 2 });
    const wasm = update().initSync({ a: wave(50, 0.3) });
    wasm.step({ a: wave(50, 0.1) });
    const buffers = { params: { a: { buffer: bufferOf(wave(50, 0.9)) }, b: { buffer: bufferOf(wave(20, 0.5)) } } };
    const tree = { a: { shape: [50] }, b: { shape: [20] } };
    const gpu = await update().init(tree, { backend: "webgpu", device, buffers, from: wasm });
    const other = await update().init({ a: { shape: [50] }, b: wave(20, 0.5) }, { from: wasm });
    for (const one of [gpu, other])
      for (let step = 0; step < 3; step++) one.step({ a: wave(50, step), b: wave(20, 2) });
    expectSame(await gpu.read("params"), other.params as Numbers);
    gpu.dispose();
  });

  it("leaves that are given no values keep theirs, beside neighbours that are given some", async () => {
    const arena = bufferOf(new Float32Array(192).fill(7));
    const places = { a: { buffer: arena }, b: { buffer: arena, offset: 256 }, c: { buffer: arena, offset: 512 } };
    const tree = { a: wave(64, 0.1), b: { shape: [64] }, c: wave(64, 0.3) };
    const gpu = await sgd().init(tree, { backend: "webgpu", device, buffers: { params: places } });
    expect(gpu.traffic().dispatches).toBe(1);
    expect(await read(arena)).toEqual(new Float32Array([...tree.a, ...new Array(64).fill(7), ...tree.c]));
    gpu.dispose();
  });

  it("gradients in the very buffer that they are wanted in are refused before anything is changed", async () => {
    const arena = bufferOf(new Float32Array([...wave(64, 0.3), ...wave(64, 0.4)]));
    const buffers = { grads: { w: { buffer: arena } } };
    const gpu = await adam().init({ w: wave(64, 0.1) }, { backend: "webgpu", device, buffers });
    expect(() => gpu.step({ w: { buffer: arena, offset: 256 } })).toThrow(
      '"grads.w" lies in the buffer that it is to be copied to, at another offset',
    );
    expect(gpu.count).toBe(0);
    gpu.step({ w: { buffer: arena, offset: 0 } });
    expect(gpu.count).toBe(1);
    expect(() => gpu.step({ w: { buffer: arena, offset: -4 } })).toThrow("begins at byte -4");
    expect(() => gpu.encode(undefined as never)).toThrow("encode: encoder is undefined, expected a GPUCommandEncoder");
    gpu.dispose();
  });
});
