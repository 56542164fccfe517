// @ts-check
// The C.

import { ADAM, MAX_NORM, PLANE_GAP } from "../settings.js";
import { ChildPeer } from "./child.js";

export class NativePeer extends ChildPeer {
  /**
   * @param {{ name: string, path: string }} native
   * @param {number} length
   */
  constructor({ name, path }, length) {
    const { learningRate, b1, b2, eps, epsRoot, decay } = ADAM;
    const settings = [learningRate, b1, b2, eps, epsRoot, decay, MAX_NORM, PLANE_GAP];
    super(name, [path, ...settings.map(String)], length);
  }
}
