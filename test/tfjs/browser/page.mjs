// @ts-check
// What the page has: TensorFlow.js with its backends for the GPU, lanestep as it is published, and the checks.

import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";

export { checks } from "./checks.mjs";
export { measure } from "./measure.mjs";
