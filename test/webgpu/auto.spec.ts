// backend "auto": from how many parameters on a device is taken, as measured on it.

import { afterEach, describe, expect, it, vi } from "vitest";
import { crossoverOf } from "../../src/backends/webgpu/auto.ts";
import { Gpu } from "../../src/backends/webgpu/gpu.ts";
import {
  adam,
  chain,
  freeze,
  type GpuOptimizer,
  type Optimizer,
  partition,
  scale,
  sgd,
  skipNonFinite,
  stateless,
} from "../../src/index.ts";
import { Optimizer as HostOptimizer } from "../../src/optimizer/optimizer.ts";
import { openDevice } from "./device.mjs";
import { expectSame, grads, type Numbers, params, usual } from "./support.ts";
import { device } from "./the-device.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Buffers of planes that are made from now on; those that are there still. */
function countPlanes() {
  const made: GPUBuffer[] = [];
  const there = new Set<GPUBuffer>();
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  vi.spyOn(GPUDevice.prototype, "createBuffer").mockImplementation(function (this: GPUDevice, descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    there.add(buffer);
    if (descriptor.label === "lanestep params") made.push(buffer);
    return buffer;
  });
  vi.spyOn(GPUBuffer.prototype, "destroy").mockImplementation(function (this: GPUBuffer) {
    there.delete(this);
    return destroy.call(this);
  });
  return { made, there };
}

const large = () => ({ w: { shape: [40_000] } });

describe("the crossover", () => {
  it.each([
    ["a device that is slow to answer, and fast", [1, 101], [50, 60], 10 + 1000 * (49 / 90)],
    ["slow to answer, and slow: never", [1, 101], [50, 160], Number.POSITIVE_INFINITY],
    ["as fast, and slow to answer: never", [1, 101], [50, 150], Number.POSITIVE_INFINITY],
    ["faster in all: always", [10, 110], [5, 15], 0],
    // What is faster for few alone is not taken.
    ["faster for few: never", [10, 110], [5, 205], Number.POSITIVE_INFINITY],
  ] as const)("%s", (_name, [small, large], [deviceSmall, deviceLarge], expected) => {
    const found = crossoverOf({ small, large }, { small: deviceSmall, large: deviceLarge }, 10, 1010);
    expect(found).toBe(Number.isFinite(expected) ? Math.ceil(expected) : expected);
  });

  it("is measured once a device, by all that ask for it, and leaves nothing there", async () => {
    const own = await openDevice();
    const { made, there } = countPlanes();
    const init = () => adam().init(large(), { backend: "auto", device: own });
    const optimizers = await Promise.all([init(), init(), init()]);
    const measured = made.length;
    // One size, and one or two others.
    expect([2, 3]).toContain(measured);
    const again = await init();
    expect(made.length).toBe(measured);
    for (const optimizer of [...optimizers, again]) {
      const { name, reason } = optimizer.backend;
      const [, crossover] =
        reason.match(
          /^"auto": 40000 parameters, and this device is faster (at no size|from \d+ on) \(measured: [\d.]+ ms for a step of (?:262144|1048576), the host [\d.]+\)/,
        ) ?? [];
      // In software it is slower by far; but not by how much somebody else is at work.
      expect(name).toBe(Number(crossover?.match(/\d+/) ?? Number.POSITIVE_INFINITY) <= 40_000 ? "webgpu" : "wasm");
      optimizer.dispose();
    }
    expect(there.size).toBe(0);
    own.destroy();
  });

  it("is found where the host is slower", async () => {
    const own = await openDevice();
    const { step } = HostOptimizer.prototype;
    // 1 µs for a parameter: a device in software takes about 40 ns.
    vi.spyOn(HostOptimizer.prototype, "step").mockImplementation(function (this: Optimizer<{ w: object }>, given) {
      const { length } = (given as unknown as { w: Float32Array }).w;
      const begin = performance.now();
      while (performance.now() - begin < length / 1000);
      return step.call(this, given as never);
    });
    const optimizer = await adam().init({ w: { shape: [300_000] } }, { backend: "auto", device: own });
    const [, size, crossover] = optimizer.backend.reason.match(/: (\d+) parameters, .* faster from (\d+) on/) ?? [];
    expect(optimizer.backend).toMatchObject({ name: "webgpu", path: "shaders" });
    expect(Number(size)).toBe(300_000);
    expect(Number(crossover)).toBeLessThan(300_000);
    optimizer.dispose();
    own.destroy();
  });

  it("is not measured for few parameters: no device is asked for", async () => {
    const requestAdapter = vi.fn();
    vi.stubGlobal("navigator", { gpu: { requestAdapter } });
    const optimizer = await adam().init({ w: { shape: [2 ** 15 - 1] } }, { backend: "auto" });
    expect(optimizer.backend.name).toBe("wasm");
    expect(optimizer.backend.reason).toMatch(
      /^"auto": 32767 parameters, and no device is faster below 32768; WebAssembly SIMD/,
    );
    expect(requestAdapter).not.toHaveBeenCalled();
  });

  it("of the caller's: nothing is measured", async () => {
    const own = await openDevice();
    const { made } = countPlanes();
    const init = (crossover: number) => usual().init(params(), { backend: "auto", device: own, crossover });
    for (const [crossover, name] of [
      [0, "webgpu"],
      [1016, "webgpu"],
      [1017, "wasm"],
      [Number.POSITIVE_INFINITY, "wasm"],
    ] as const) {
      const optimizer = await init(crossover);
      expect(optimizer.backend.name).toBe(name);
      expect(optimizer.backend.reason).toContain(
        `"auto": 1016 parameters, and a device was asked for from ${crossover} on`,
      );
      optimizer.dispose();
    }
    expect(made.length).toBe(2);
    for (const crossover of [-1, Number.NaN, "5"]) {
      await expect(init(crossover as number)).rejects.toThrow(/crossover is .*, expected a number >= 0/);
    }
    own.destroy();
  });

  it("is counted in parameters that are not frozen", async () => {
    const update = partition({ a: adam(), b: freeze() }, { kernel: "a", bias: "b", scale: "a" });
    const optimizer = await update.init(params(), { backend: "auto", crossover: 17 });
    expect(optimizer.backend.reason).toContain("16 parameters, and a device was asked for from 17 on");
  });
});

describe("what a device cannot do is done on the host", () => {
  const always = (own: GPUDevice) => ({ backend: "auto", device: own, crossover: 0 }) as const;

  it("no adapter", async () => {
    const optimizer = await adam().init(large(), { backend: "auto" });
    expect(optimizer.backend).toMatchObject({ name: "wasm", reason: expect.stringContaining("no adapter was found") });
  });

  it("a device that is lost, before and while it is measured", async () => {
    const [before, between] = [await openDevice(), await openDevice()];
    before.destroy();
    await before.lost;
    const { submit } = GPUQueue.prototype;
    const first = await adam().init(large(), { backend: "auto", device: before });
    vi.spyOn(GPUQueue.prototype, "submit").mockImplementation(function (this: GPUQueue, buffers) {
      if (this === between.queue) between.destroy();
      return submit.call(this, buffers);
    });
    const second = await adam().init(large(), { backend: "auto", device: between });
    for (const { backend } of [first, second]) {
      expect(backend).toMatchObject({ name: "wasm", reason: expect.stringContaining("the device is lost") });
    }
  });

  it("rules that decide there, by name", async () => {
    const skipping = await skipNonFinite(adam()).init(params(), always(device));
    expect(skipping.backend.reason).toContain('no "skipNonFinite" yet');
    const custom = chain(
      stateless((updates) => updates),
      scale(-1),
    );
    const own = await custom.init(params(), always(device));
    expect(own.backend).toMatchObject({ name: "wasm", reason: expect.stringContaining('no "stateless" yet') });
    own.step(grads(0));
  });

  it("more than it has room for", async () => {
    // It says that it could, so that it is asked.
    const other = await openDevice({ maxBufferSize: 2 ** 50, maxStorageBufferBindingSize: 2 ** 50 });
    const optimizer = await sgd().init({ w: { shape: [70_000_000] } }, always(other));
    expect(optimizer.backend.reason).toContain("the device has no room for 560000000 bytes of planes");
    expect(optimizer.backend.name).toBe("wasm");
    optimizer.dispose();
    other.destroy();
  });

  it("and what the host has no room for on the device, unless the crossover was given", async () => {
    const tree = large();
    const measured = { crossover: Number.POSITIVE_INFINITY, words: "…" };
    Gpu.of(device).measured = Promise.resolve(measured);
    const { Instance } = WebAssembly;
    vi.spyOn(WebAssembly, "Instance").mockImplementation(
      class extends Instance {
        constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
          // Kernels bring the memory.
          if (!imports) throw new RangeError("cannot allocate Wasm memory");
          super(module, imports);
        }
      },
    );
    const given = adam().init(tree, { backend: "auto", device, crossover: Number.POSITIVE_INFINITY });
    await expect(given).rejects.toThrow(RangeError);
    const optimizer = await adam().init(tree, { backend: "auto", device });
    expect(optimizer.backend.name).toBe("webgpu");
    expect(optimizer.backend.reason).toMatch(/^"auto": the engine has no memory left for [\d.]+ MB/);
    optimizer.dispose();
  });

  it("but options are checked", async () => {
    const init = (options: object) => adam().init(params(), { backend: "auto", ...options } as never);
    await expect(init({ device: {} })).rejects.toThrow("init: device is an object, expected a GPUDevice");
    await expect(init({ buffers: {} })).rejects.toThrow('buffers stand on a device: they take backend "webgpu"');
    expect(() => adam().initSync(params(), { backend: "auto" as never })).toThrow("await init");
  });
});

describe("code that awaits is right on every backend", () => {
  type Model = ReturnType<typeof params>;

  async function train(optimizer: Optimizer<Model> | GpuOptimizer<Model>) {
    for (let step = 0; step < 4; step++) expect(optimizer.step(grads(step))).toBe(true);
    const saved = await optimizer.save({ metadata: { epoch: "1" } });
    optimizer.update(grads(4));
    optimizer.apply();
    const trained = await optimizer.read("params");
    const { mu } = (await optimizer.read("state"))[1]!;
    const { gradNorm, count } = await optimizer.stats();
    expect(count).toBe(5);
    await expect(optimizer.read("nothing" as "params")).rejects.toThrow('"nothing" is none of');
    const report = await optimizer.load(saved);
    expect([optimizer.count, report.fresh]).toEqual([4, []]);
    optimizer.zeroGrads();
    const { bias } = await optimizer.read("grads");
    expect(new Set(bias)).toEqual(new Set([0]));
    const back = await optimizer.read("params");
    return { trained, mu, back, saved, gradNorm: gradNorm as number };
  }

  it("steps, reads, saves and loads", async () => {
    const init = (crossover: number) => usual().init(params(), { backend: "auto", device, crossover });
    const [host, gpu] = [await init(Number.POSITIVE_INFINITY), await init(0)];
    expect([host.backend.name, gpu.backend.name]).toEqual(["wasm", "webgpu"]);
    const [expected, found] = [await train(host), await train(gpu)];
    for (const name of ["trained", "back"] as const) expectSame(found[name], expected[name]);
    expectSame(found.mu as unknown as Numbers, expected.mu as unknown as Numbers);
    expect(found.gradNorm / expected.gradNorm).toBeCloseTo(1, 5);
    for (const optimizer of [host, gpu]) optimizer.dispose();
  });

  it("restores", async () => {
    const wasm = usual().initSync(params());
    wasm.step(grads(0));
    const restore = (crossover: number) =>
      usual().restore<Model>(wasm.save(), undefined, { backend: "auto", device, crossover });
    for (const [crossover, name] of [
      [0, "webgpu"],
      [2000, "wasm"],
    ] as const) {
      const optimizer = await restore(crossover);
      expect([optimizer.backend.name, optimizer.count]).toEqual([name, 1]);
      expectSame((await optimizer.read("params")) as Numbers, wasm.params);
      optimizer.dispose();
    }
  });
});

it("lanestep requests one device for all that were given none, until it is lost", async () => {
  const requestAdapter = vi.fn(async () => ({ limits: {}, requestDevice: () => openDevice() }));
  vi.stubGlobal("navigator", { gpu: { requestAdapter } });
  const init = () => adam().init(params(), { backend: "auto", crossover: 0 });
  const [first, second] = (await Promise.all([init(), init()])) as GpuOptimizer[];
  expect(first!.device).toBe(second!.device);
  expect(requestAdapter).toHaveBeenCalledTimes(1);
  const own = first!.device as GPUDevice;
  own.destroy();
  await own.lost;
  const third = await adam().init(params(), { backend: "webgpu" });
  expect(third.device).not.toBe(own);
  expect(requestAdapter).toHaveBeenCalledTimes(2);
  (third.device as GPUDevice).destroy();
});
