// A real device, in software: Dawn on SwiftShader. A machine without one fails here, it does not skip.

import { create, globals } from "webgpu";

Object.assign(globalThis, globals);

const gpu = create([]);

/** @param limits other limits than the device's, for buffers that are cut sooner */
export async function openDevice(limits: Record<string, number> = {}): Promise<GPUDevice> {
  const adapter = await gpu.requestAdapter();
  if (!adapter) {
    throw new Error(
      "no WebGPU adapter: node test/webgpu/run.mjs sets what Dawn needs, with Debian's libvulkan1 and chromium",
    );
  }
  const device = await adapter.requestDevice();
  if (Object.keys(limits).length > 0) {
    const changed = new Proxy(device.limits, {
      get: (own, name) => limits[name as string] ?? Reflect.get(own, name, own),
    });
    Object.defineProperty(device, "limits", { value: changed });
  }
  device.addEventListener("uncapturederror", (event) => {
    console.error((event as GPUUncapturedErrorEvent).error.message);
    process.exitCode = 1;
  });
  return device;
}
