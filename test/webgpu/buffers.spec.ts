// Buffers of the caller's on a device: parameters and gradients where others have them.

import { describe, expect, it, vi } from "vitest";
import { adam, lookahead, TreeMismatchError, type Update } from "../../src/index.ts";
import { openDevice } from "./device.mjs";
import { expectSame, grads, type Numbers, params, usual, wave } from "./support.ts";
import { bufferOf, device, read, STORAGE } from "./the-device.ts";

const onDevice = (update: Update) => update.init(params(), { backend: "webgpu", device });

describe("the caller's buffers", () => {
  it("reads and writes them, wherever they begin, and nothing beside them; dispose() leaves them", async () => {
    // What looks ahead begins with the parameters.
    const update = lookahead(usual(), { every: 2 });
    const wasm = update.initSync(params());
    // Bytes 4 to 63 of a buffer, all of another, and one element in the middle.
    const own = {
      kernel: bufferOf(wave(15, 0.3), 4, 128),
      bias: bufferOf(wave(1000, 0.7)),
      scale: bufferOf(Float32Array.of(7, 1, 9)),
    };
    const shapes = { kernel: { shape: [5, 3] }, bias: { shape: [1000] }, scale: { shape: [] } };
    const gpu = await update.init(shapes, {
      backend: "webgpu",
      device,
      buffers: {
        params: {
          kernel: { buffer: own.kernel, offset: 4 },
          bias: { buffer: own.bias },
          scale: { buffer: own.scale, offset: 4 },
        },
      },
    });
    for (let step = 0; step < 4; step++) {
      const { kernel, bias, scale } = grads(step);
      gpu.step({ kernel, bias, scale });
      wasm.step(grads(step));
    }
    expectSame(await gpu.read("params"), wasm.params);
    gpu.dispose();
    const [kernel, bias, scale] = [await read(own.kernel), await read(own.bias), await read(own.scale)];
    expectSame({ kernel: kernel.subarray(1, 16), bias, scale: scale.subarray(1, 2) }, wasm.params as Numbers);
    expect([kernel[0], ...kernel.subarray(16)]).toEqual(new Array(17).fill(0));
    expect([scale[0], scale[2]]).toEqual([7, 9]);
  });

  it("leaves gaps between leaves alone, where these lie as they would in a buffer of lanestep's", async () => {
    const values = new Float32Array(192).fill(7);
    values.set(wave(10, 0.3), 0);
    values.set(wave(64, 0.9), 64);
    values.set(wave(64, 0.2), 128);
    const arena = bufferOf(values);
    const at = { a: 0, b: 256, c: 512 };
    const gpu = await usual().init(
      { a: { shape: [10] }, b: { shape: [64] }, c: { shape: [64] } },
      {
        backend: "webgpu",
        device,
        buffers: {
          params: {
            a: { buffer: arena, offset: at.a },
            b: { buffer: arena, offset: at.b },
            c: { buffer: arena, offset: at.c },
          },
        },
      },
    );
    // The last two have no gap.
    expect(gpu.traffic().dispatches).toBe(2 * 2 + 1);
    const all = { a: wave(10, 0.1), b: wave(64, 0.1), c: wave(64, 0.2) };
    gpu.step(all);
    const wasm = usual().initSync({ a: wave(10, 0.3), b: wave(64, 0.9), c: wave(64, 0.2) });
    wasm.step(all);
    expectSame(await gpu.read("params"), wasm.params);
    expect(new Set((await read(arena)).subarray(10, 64))).toEqual(new Set([7]));
    gpu.dispose();
  });

  it("takes parameters and gradients from one buffer", async () => {
    const values = new Float32Array(256);
    values.set(wave(100, 0.3), 0);
    values.set(wave(100, 0.9), 100);
    const arena = bufferOf(values);
    const gpu = await adam().init(
      { w: { shape: [100] } },
      {
        backend: "webgpu",
        device,
        buffers: { params: { w: { buffer: arena } }, grads: { w: { buffer: arena, offset: 400 } } },
      },
    );
    const wasm = adam().initSync({ w: wave(100, 0.3) });
    gpu.step();
    wasm.step({ w: wave(100, 0.9) });
    expectSame(await gpu.read("params"), wasm.params);
    expectSame(await gpu.read("grads"), { w: wave(100, 0.9) });
    gpu.dispose();
  });

  it("copies gradients from buffers that are others in each step", async () => {
    const [gpu, wasm] = [await onDevice(usual()), usual().initSync(params())];
    for (let step = 0; step < 4; step++) {
      const { kernel, bias, scale } = grads(step);
      const bound = {
        kernel: { buffer: bufferOf(kernel, 12), offset: 12 },
        bias: { buffer: bufferOf(bias) },
        scale: { buffer: bufferOf(Float32Array.of(scale)) },
      };
      if (step % 2 === 0) gpu.step(bound);
      else {
        const encoder = device.createCommandEncoder();
        gpu.encode(encoder, bound);
        device.queue.submit([encoder.finish()]);
      }
      wasm.step(grads(step));
    }
    expectSame(await gpu.read("params"), wasm.params);
    const lacking = { kernel: gpu.grads.kernel, bias: gpu.grads.bias };
    expect(() => gpu.step(lacking as never)).toThrow('"grads.scale" is missing');
    expect(() => gpu.encode(device.createCommandEncoder(), grads(0) as never)).toThrow(
      "expected { buffer, offset, size }",
    );
    expect(gpu.count).toBe(4);
    gpu.step(gpu.grads);
    wasm.step(grads(3));
    expectSame(await gpu.read("params"), wasm.params);
    gpu.dispose();
  });

  it("a shader of the caller's writes the gradients where they are wanted", async () => {
    const gpu = await adam({ learningRate: 0.1 }).init({ w: wave(1000, 0.1) }, { backend: "webgpu", device });
    const wasm = adam({ learningRate: 0.1 }).initSync({ w: wave(1000, 0.1) });
    const code = `@group(0) @binding(0) var<storage, read> p: array<f32>;
      @group(0) @binding(1) var<storage, read_write> g: array<f32>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
        if (id.x < arrayLength(&p)) { g[id.x] = 2 * p[id.x]; }
      }`;
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }) },
    });
    const entries = [gpu.params.w, gpu.grads.w].map((resource, binding) => ({ binding, resource }));
    const bindings = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    for (let step = 0; step < 3; step++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(16);
      pass.end();
      gpu.encode(encoder);
      device.queue.submit([encoder.finish()]);
      wasm.step({ w: wasm.params.w.map((p) => 2 * p) });
    }
    expectSame(await gpu.read("params"), wasm.params);
    gpu.dispose();
  });

  it("refuses what does not fit, by path", async () => {
    const init = (params: unknown) =>
      adam().init({ w: { shape: [100] } }, { backend: "webgpu", device, buffers: { params: params as never } });
    const small = bufferOf(new Float32Array(99));
    await expect(init({ w: { buffer: small } })).rejects.toThrow('"buffers.params.w" has 396 bytes, expected 400');
    await expect(init({ w: { buffer: small } })).rejects.toThrow(TreeMismatchError);
    await expect(init({})).rejects.toThrow('"buffers.params.w" is missing');
    await expect(init({ w: new Float32Array(100) })).rejects.toThrow("expected { buffer, offset, size }");
    const large = bufferOf(new Float32Array(200));
    await expect(init({ w: { buffer: large, offset: 2 } })).rejects.toThrow("a multiple of 4");
    const foreign = device.createBuffer({ size: 400, usage: 128 });
    await expect(init({ w: { buffer: foreign } })).rejects.toThrow("lacks a usage");
  });

  it("refuses what would be taken for something else", async () => {
    const init = (buffers: unknown, tree: object = { w: { shape: [64] } }) =>
      adam().init(tree, { backend: "webgpu", device, buffers: buffers as never });
    const of = (binding: object) => init({ params: { w: { buffer: bufferOf(wave(128, 0.3)), ...binding } } });
    for (const offset of ["16", Number.NaN, null, 2.5, -4]) {
      await expect(of({ offset })).rejects.toThrow(/begins at byte .*, expected a multiple of 4/);
    }
    await expect(of({ offset: 300 })).rejects.toThrow('"buffers.params.w" has 212 bytes, expected 256');
    for (const size of ["256", Number.NaN, 8]) {
      await expect(of({ size })).rejects.toThrow(/"buffers.params.w" has .* bytes, expected 256/);
    }
    const w = { buffer: bufferOf(wave(64, 0.3)) };
    await expect(init({ params: { w, v: w } })).rejects.toThrow('"buffers.params.v" is not among the parameters');
    await expect(init({ param: { w } })).rejects.toThrow(
      "buffers has no option param; did you mean params? It takes params, grads",
    );
    await expect(init({ params: 3 })).rejects.toThrow("buffers: params is 3, expected a tree of bindings");
    const gpu = await init({});
    expect(() => gpu.step({ w, v: w } as never)).toThrow('"grads.v" is not among the parameters');
    gpu.dispose();
  });

  it("refuses leaves that lie over others", async () => {
    const buffer = bufferOf(wave(200, 0.3));
    const init = (buffers: object) =>
      adam().init({ a: { shape: [64] }, b: { shape: [64] } }, { backend: "webgpu", device, buffers });
    const [a, b] = [
      { buffer, offset: 0 },
      { buffer, offset: 256 },
    ];
    for (const buffers of [
      { params: { a, b: { buffer, offset: 252 } } },
      { params: { a: b, b: { buffer, offset: 4 } } },
    ]) {
      await expect(init(buffers)).rejects.toThrow(/of a buffer, before "buffers.params.[ab]" ends at .*of its own/);
    }
    await expect(init({ params: { a, b }, grads: { a: { buffer, offset: 512 }, b: a } })).rejects.toThrow(RangeError);
    const gpu = await init({ params: { a, b } });
    gpu.dispose();
  });

  it("refuses buffers that the device does not take, before anything is made", async () => {
    const foreign = await openDevice();
    const make = (own: GPUDevice, more = {}) => own.createBuffer({ size: 256, usage: STORAGE, ...more });
    const destroyed = make(device);
    destroyed.destroy();
    const mapped = make(device, { mappedAtCreation: true });
    const create = vi.spyOn(GPUDevice.prototype, "createBuffer");
    for (const id of ["params", "grads"]) {
      const init = (buffer: GPUBuffer) =>
        adam().init({ w: { shape: [64] } }, { backend: "webgpu", device, buffers: { [id]: { w: { buffer } } } });
      for (const buffer of [make(foreign), destroyed]) {
        create.mockClear();
        await expect(init(buffer)).rejects.toThrow(`"buffers.${id}.w": the device does not take its buffer: `);
        expect(create.mock.calls.map(([{ size }]) => size)).toEqual([4]);
      }
      await expect(init(mapped)).rejects.toThrow(`"buffers.${id}.w": its buffer is mapped: unmap() it first`);
    }
    vi.restoreAllMocks();
    const gpu = await adam().init({ w: { shape: [64] } }, { backend: "webgpu", device });
    expect(() => gpu.step({ w: { buffer: mapped } })).toThrow('"grads.w": its buffer is mapped: unmap() it first');
    expect(gpu.count).toBe(0);
    gpu.dispose();
    foreign.destroy();
  });

  it("destroyed later: what reads them back is an error, not zeros; none of it is the device's to report", async () => {
    const buffer = bufferOf(wave(64, 0.3));
    const buffers = { params: { w: { buffer } } };
    const gpu = await adam().init({ w: { shape: [64] } }, { backend: "webgpu", device, buffers });
    const bytes = await gpu.save();
    buffer.destroy();
    const pending = await Promise.allSettled([gpu.read("params"), gpu.save(), gpu.stats(), gpu.load(bytes)]);
    for (const one of pending) {
      expect(one).toMatchObject({ status: "rejected", reason: expect.any(Error) });
      expect((one as PromiseRejectedResult).reason.message).toMatch(/^the device could not be read back: /);
    }
    gpu.dispose();
  });

  it("parameters and gradients too far apart in one buffer", async () => {
    const near = await openDevice({ maxStorageBufferBindingSize: 65_536 });
    const buffer = near.createBuffer({ size: 200_000, usage: STORAGE });
    const buffers = { params: { w: { buffer } }, grads: { w: { buffer, offset: 160_000 } } };
    const init = adam().init({ w: { shape: [100] } }, { backend: "webgpu", device: near, buffers });
    await expect(init).rejects.toThrow("160400 bytes apart in one buffer, a binding holds 65536");
    near.destroy();
  });
});
