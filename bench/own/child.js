// @ts-check
// A child process that lives for the whole case and runs when it is told to; native/rules.c has the commands.

/** @import { Peer } from "../measure.js" */

import { spawn } from "node:child_process";

/** One process, with its own planes. */
export class Child {
  #child;
  /** @type {AsyncIterator<Buffer>} */
  #output;
  #length;

  /**
   * @param {string} name
   * @param {string[]} command
   * @param {number} length
   */
  constructor(name, [path, ...args], length) {
    this.name = name;
    this.#length = length;
    this.#child = spawn(/** @type {string} */ (path), args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#output = this.#child.stdout[Symbol.asyncIterator]();
  }

  async reset() {
    await this.#line(`reset ${this.#length}`);
  }

  /**
   * @param {string} what
   * @param {number} steps
   */
  async run(what, steps) {
    const answer = await this.#line(`run ${what} ${this.#length} ${steps}`);
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

/** @implements {Peer} */
export class ChildPeer {
  #child;

  /** @param {Child} child one that runs `clippedAdamw` and `adamw` */
  constructor(child) {
    this.name = child.name;
    this.#child = child;
  }

  reset() {
    return this.#child.reset();
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  run(clip, steps) {
    return this.#child.run(clip ? "clippedAdamw" : "adamw", steps);
  }

  params() {
    return this.#child.params();
  }

  close() {
    this.#child.close();
  }
}
