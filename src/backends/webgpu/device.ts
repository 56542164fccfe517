// The device of an optimizer: the caller's, or one that lanestep requests.

import { show } from "../../show.ts";

/** @throws TypeError for what is none */
export function checkDevice(given: object | undefined): GPUDevice | undefined {
  const device = given as GPUDevice | undefined;
  if (device && typeof device.createComputePipelineAsync !== "function") {
    throw new TypeError(`init: device is ${show(device)}, expected a GPUDevice`);
  }
  return device;
}

let requested: Promise<GPUDevice> | null = null;

/**
 * One for all optimizers that were given none, until it is lost: they share its shaders, and what was measured on it.
 *
 * @throws Error without an adapter
 */
export function sharedDevice(): Promise<GPUDevice> {
  const forget = () => {
    requested = null;
  };
  if (!requested) {
    requested = requestDevice();
    requested.then(({ lost }) => lost.then(forget), forget);
  }
  return requested;
}

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new Error(
      'the webgpu backend cannot run here: no adapter was found; init takes a device of yours: { backend: "webgpu", device }',
    );
  }
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  return adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
}
