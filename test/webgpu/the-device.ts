// The device of a file of tests: opened before the first, destroyed after the last. And buffers of a caller's on it.

import { afterAll, beforeAll } from "vitest";
import { openDevice } from "./device.mjs";

export let device: GPUDevice;

beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

export const STORAGE = 128 | 8 | 4;

/** A buffer of the caller's with these numbers at a byte. */
export function bufferOf(values: Float32Array, offset = 0, size = offset + values.byteLength): GPUBuffer {
  const buffer = device.createBuffer({ size, usage: STORAGE });
  device.queue.writeBuffer(buffer, offset, values as Float32Array<ArrayBuffer>);
  return buffer;
}

/** All of a buffer. */
export async function read(buffer: GPUBuffer): Promise<Float32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: 1 | 8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}
