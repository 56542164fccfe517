// @ts-check
// A real device, in software: Dawn on SwiftShader. A machine without one fails here, it does not skip.

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);

const gpu = create([]);

/**
 * @param {Readonly<Record<string, number>>} limits what the device is to say that its limits are: buffers are cut sooner
 * @returns {Promise<GPUDevice>}
 */
export async function openDevice(limits = {}) {
  const adapter = await gpu.requestAdapter();
  if (!adapter) {
    throw new Error("no WebGPU adapter: node test/webgpu/run.mjs sets what Dawn needs, from Debian's chromium");
  }
  const device = await adapter.requestDevice();
  if (Object.keys(limits).length > 0) {
    const get = (/** @type {GPUSupportedLimits} */ own, /** @type {string} */ name) => {
      return limits[name] ?? Reflect.get(own, name, own);
    };
    // @ts-expect-error a proxy's trap takes any key
    Object.defineProperty(device, "limits", { value: new Proxy(device.limits, { get }) });
  }
  // What no error scope takes up is a fault of the library.
  device.addEventListener("uncapturederror", ({ error }) => {
    uncaptured.push(error.message);
  });
  return device;
}

/** Errors that nobody took up, by any device. @type {string[]} */
export const uncaptured = [];
