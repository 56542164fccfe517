import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A guard against tests that hang, not a limit on their time: machines are slow and shared.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
