import { defineConfig } from "vitest/config";

// Not part of `npm test`: it needs a device. See run.mjs.
export default defineConfig({
  test: {
    include: ["test/webgpu/*.spec.ts"],
    setupFiles: ["test/webgpu/setup.ts"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
