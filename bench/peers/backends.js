// @ts-check
// TensorFlow.js's backends, which ../adapters has no types of.

import "@tensorflow/tfjs-backend-cpu";

export { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
