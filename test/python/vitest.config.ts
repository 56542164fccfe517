import { defineConfig } from "vitest/config";

// Not part of `npm test`: it needs Python. See safetensors.ts.
export default defineConfig({
  test: { include: ["test/python/safetensors.ts"], testTimeout: 300_000, hookTimeout: 300_000 },
});
