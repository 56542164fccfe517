// @ts-check
// The C, as a child process that lives for the whole case and runs when it is told to.

/** @import { Peer } from "../measure.js" */

import { spawn } from "node:child_process";
import { ADAM, MAX_NORM, PLANE_GAP } from "../settings.js";

/** @implements {Peer} */
export class NativePeer {
  #child;
  /** @type {AsyncIterator<Buffer>} */
  #output;
  #length;

  /**
   * @param {{ name: string, path: string }} native
   * @param {number} length
   */
  constructor({ name, path }, length) {
    const { learningRate, b1, b2, eps, epsRoot, decay } = ADAM;
    const settings = [learningRate, b1, b2, eps, epsRoot, decay, MAX_NORM, PLANE_GAP];
    this.name = name;
    this.#length = length;
    this.#child = spawn(path, settings.map(String), { stdio: ["pipe", "pipe", "inherit"] });
    this.#output = this.#child.stdout[Symbol.asyncIterator]();
  }

  async reset() {
    await this.#line(`reset ${this.#length}`);
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    const answer = await this.#line(`run ${clip ? "clip" : "plain"} ${this.#length} ${steps}`);
    return Number.parseFloat(answer);
  }

  async params() {
    const bytes = await this.#ask(`params ${this.#length}`, (have) => have === this.#length * 4);
    return new Float32Array(bytes.buffer, bytes.byteOffset, this.#length);
  }

  close() {
    this.#child.stdin.end();
  }

  /** @param {string} command */
  async #line(command) {
    const bytes = await this.#ask(command, (_, last) => last.at(-1) === 0x0a);
    return bytes.toString();
  }

  /**
   * @param {string} command
   * @param {(have: number, last: Buffer) => boolean} complete told how many bytes came, and the last of them
   */
  async #ask(command, complete) {
    this.#child.stdin.write(`${command}\n`);
    const chunks = [];
    let have = 0;
    do {
      const { done, value } = await this.#output.next();
      if (done) throw new Error(`${this.name} ended at "${command}"`);
      chunks.push(value);
      have += value.length;
    } while (!complete(have, /** @type {Buffer} */ (chunks.at(-1))));
    return Buffer.concat(chunks);
  }
}
