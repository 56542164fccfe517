// @ts-check
// The network on the GPU: parameters and gradients are where lanestep has them.

import { BATCH, CLASSES, INPUTS } from "./data.js";
import { shaders } from "./shaders.js";

/** GPUBufferUsage, which not every set of types has: STORAGE, COPY_SRC and COPY_DST; MAP_READ and COPY_DST. */
const STORAGE = 128 | 4 | 8;
const READ_BACK = 1 | 8;

/** @typedef {import("lanestep").GpuPlaces<ReturnType<typeof import("./data.js").createParams>>} Places */

/**
 * @param {GPUDevice} device
 * @param {Places} params
 * @param {Places} grads
 * @param {number} hidden
 */
export function createNetwork(device, params, grads, hidden) {
  /** @type {GPUBuffer[]} */
  const made = [];
  const own = (/** @type {number} */ length) => {
    const buffer = device.createBuffer({ size: length * 4, usage: STORAGE });
    made.push(buffer);
    return { buffer };
  };
  /** @type {Record<import("./shaders.js").Name, GPUBufferBinding>} */
  const buffers = {
    x: own(BATCH * INPUTS),
    labels: own(BATCH),
    h: own(BATCH * hidden),
    dh: own(BATCH * hidden),
    dlogits: own(BATCH * CLASSES),
    losses: own(BATCH),
    w1: params.hidden.kernel,
    b1: params.hidden.bias,
    w2: params.output.kernel,
    b2: params.output.bias,
    dw1: grads.hidden.kernel,
    db1: grads.hidden.bias,
    dw2: grads.output.kernel,
    db2: grads.output.bias,
  };
  const passes = shaders(hidden).map(({ names, groups, code }) => {
    const module = device.createShaderModule({ code });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
    const entries = names.map((name, binding) => ({ binding, resource: buffers[name] }));
    return { pipeline, groups, bindings: device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }) };
  });
  return {
    /** @param {ReturnType<typeof import("./data.js").batchOf>} batch */
    feed({ x, labels }) {
      device.queue.writeBuffer(buffers.x.buffer, 0, x);
      device.queue.writeBuffer(buffers.labels.buffer, 0, labels);
    },
    /** Gradients of the batch that was fed. @param {GPUCommandEncoder} encoder */
    encode(encoder) {
      const pass = encoder.beginComputePass();
      for (const { pipeline, groups, bindings } of passes) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindings);
        pass.dispatchWorkgroups(...groups);
      }
      pass.end();
    },
    /** Of the last batch: waits until the device is there. */
    async loss() {
      const staging = device.createBuffer({ size: BATCH * 4, usage: READ_BACK });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffers.losses.buffer, 0, staging, 0, BATCH * 4);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(1);
      const sum = new Float32Array(staging.getMappedRange()).reduce((total, loss) => total + loss, 0);
      staging.destroy();
      return sum / BATCH;
    },
    /** Frees the buffers of the page. */
    dispose() {
      for (const buffer of made) buffer.destroy();
    },
  };
}
