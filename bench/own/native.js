// @ts-check
// The C.

import { ADAM, MAX_NORM, PLANE_GAP } from "../settings.js";
import { Child, ChildPeer } from "./child.js";

/**
 * A process that runs any rule of `native/rules.c`.
 * @param {{ name: string, path: string }} native
 * @param {number} length
 * @param {Readonly<Record<string, number>>} settings
 */
export function nativeChild({ name, path }, length, settings) {
  const named = Object.entries({ ...settings, gap: PLANE_GAP }).map(([setting, value]) => `${setting}=${value}`);
  return new Child(name, [path, ...named], length);
}

/**
 * @param {{ name: string, path: string }} native
 * @param {number} length
 */
export const nativePeer = (native, length) =>
  new ChildPeer(nativeChild(native, length, { ...ADAM, maxNorm: MAX_NORM }));
