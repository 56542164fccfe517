// @ts-check
// A network of two layers and its gradients, as shaders: h = max(x·W₁ + b₁, 0), softmax(h·W₂ + b₂), cross entropy.

import { BATCH, CLASSES, INPUTS } from "./data.js";

/** What a shader reads and writes, by name: buffers of the page, parameters, and gradients (`d…`). */
const declarations = {
  x: "array<f32>",
  labels: "array<u32>",
  h: "array<f32>",
  dh: "array<f32>",
  dlogits: "array<f32>",
  losses: "array<f32>",
  w1: "array<f32>",
  b1: "array<f32>",
  w2: "array<f32>",
  b2: "array<f32>",
  dw1: "array<f32>",
  db1: "array<f32>",
  dw2: "array<f32>",
  db2: "array<f32>",
};

/** @typedef {keyof typeof declarations} Name */

/** In order; a thread for each `x` of `size`, a row of groups for each `y`. */
export const shaders = (/** @type {number} */ hidden) => {
  const H = hidden;
  /** @type {{ names: Name[], size: [number, number], body: string }[]} */
  const all = [
    {
      names: ["x", "w1", "b1", "h"],
      size: [H, BATCH],
      body: `var sum = b1[at.x];
        for (var i = 0u; i < ${INPUTS}u; i++) { sum += x[at.y * ${INPUTS}u + i] * w1[i * ${H}u + at.x]; }
        h[at.y * ${H}u + at.x] = max(sum, 0);`,
    },
    {
      names: ["h", "w2", "b2", "labels", "dlogits", "losses"],
      size: [BATCH, 1],
      body: `var logits: array<f32, ${CLASSES}>;
        var most = -1e30;
        for (var c = 0u; c < ${CLASSES}u; c++) {
          var sum = b2[c];
          for (var j = 0u; j < ${H}u; j++) { sum += h[at.x * ${H}u + j] * w2[j * ${CLASSES}u + c]; }
          logits[c] = sum;
          most = max(most, sum);
        }
        var total = 0.0;
        for (var c = 0u; c < ${CLASSES}u; c++) { total += exp(logits[c] - most); }
        let label = labels[at.x];
        for (var c = 0u; c < ${CLASSES}u; c++) {
          dlogits[at.x * ${CLASSES}u + c] = (exp(logits[c] - most) / total - f32(c == label)) / ${BATCH};
        }
        losses[at.x] = log(total) + most - logits[label];`,
    },
    {
      names: ["h", "w2", "dlogits", "dh"],
      size: [H, BATCH],
      body: `var sum = 0.0;
        for (var c = 0u; c < ${CLASSES}u; c++) { sum += dlogits[at.y * ${CLASSES}u + c] * w2[at.x * ${CLASSES}u + c]; }
        dh[at.y * ${H}u + at.x] = select(0, sum, h[at.y * ${H}u + at.x] > 0);`,
    },
    {
      names: ["h", "dlogits", "dw2", "db2"],
      size: [CLASSES, H],
      body: `var sum = 0.0;
        var bias = 0.0;
        for (var b = 0u; b < ${BATCH}u; b++) {
          let d = dlogits[b * ${CLASSES}u + at.x];
          sum += h[b * ${H}u + at.y] * d;
          bias += d;
        }
        dw2[at.y * ${CLASSES}u + at.x] = sum;
        if (at.y == 0u) { db2[at.x] = bias; }`,
    },
    {
      names: ["x", "dh", "dw1", "db1"],
      size: [H, INPUTS],
      body: `var sum = 0.0;
        var bias = 0.0;
        for (var b = 0u; b < ${BATCH}u; b++) {
          let d = dh[b * ${H}u + at.x];
          sum += x[b * ${INPUTS}u + at.y] * d;
          bias += d;
        }
        dw1[at.y * ${H}u + at.x] = sum;
        if (at.y == 0u) { db1[at.x] = bias; }`,
    },
  ];
  return all.map(({ names, size: [width, height], body }) => ({
    names,
    groups: /** @type {const} */ ([Math.ceil(width / 64), height]),
    code: `${names.map((name, i) => `@group(0) @binding(${i}) var<storage, read_write> ${name}: ${declarations[name]};`).join("\n")}
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) {
        if (at.x >= ${width}u) { return; }
        ${body}
      }`,
  }));
};
