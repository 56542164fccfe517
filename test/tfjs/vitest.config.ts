import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Not part of `npm test`: it needs what stands in the package beside it.
export default defineConfig({
  // The adapter's tfjs-core is that of the backends and layers of this package.
  resolve: {
    alias: {
      "@tensorflow/tfjs-core": fileURLToPath(
        new URL("node_modules/@tensorflow/tfjs-core/dist/tf-core.node.js", import.meta.url),
      ),
    },
  },
  test: {
    include: ["test/tfjs/*.spec.mjs"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
