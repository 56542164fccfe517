// Small blocks of uniform buffers: what a pass is told in each step, and what it is told once for a piece.

import { type Gpu, usage } from "./gpu.ts";

/** What the offset of a binding must be a multiple of, on any device. */
const ALIGN = 256;
const PAGE = 64 * ALIGN;

export interface Block {
  readonly page: number;
  /** Words. */
  readonly at: number;
  readonly binding: GPUBufferBinding;
}

interface Page {
  readonly buffer: GPUBuffer;
  readonly words: Uint32Array<ArrayBuffer>;
  readonly floats: Float32Array<ArrayBuffer>;
  /** Bytes. */
  used: number;
}

/** Blocks with their contents on the host, which go up together. */
export class Blocks {
  readonly #gpu: Gpu;
  readonly #pages: Page[] = [];
  /** What encoders copy from. */
  #trail: { readonly source: GPUBuffer; used: number } | null = null;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** @param words of 32 bits */
  allocate(words: number): Block {
    const size = Math.ceil(words / 4) * 16;
    const room = Math.ceil(size / ALIGN) * ALIGN;
    let page = this.#pages.at(-1);
    if (!page || page.used + room > page.words.byteLength) {
      const bytes = Math.max(PAGE, room);
      const words = new Uint32Array(bytes / 4);
      const flags = usage.uniform | usage.copyDst;
      const buffer = this.#gpu.device.createBuffer({ size: bytes, usage: flags, label: "lanestep scalars" });
      page = { buffer, words, floats: new Float32Array(words.buffer), used: 0 };
      this.#pages.push(page);
    }
    const offset = page.used;
    page.used += room;
    return { page: this.#pages.length - 1, at: offset / 4, binding: { buffer: page.buffer, offset, size } };
  }

  setInteger({ page, at }: Block, word: number, value: number): void {
    this.#pages[page]!.words[at + word] = value;
  }

  setFloat({ page, at }: Block, word: number, value: number): void {
    this.#pages[page]!.floats[at + word] = value;
  }

  /** On the queue: before whatever is submitted later. */
  upload(): void {
    for (const { buffer, words, used } of this.#pages) {
      if (used > 0) this.#gpu.device.queue.writeBuffer(buffer, 0, words, 0, used / 4);
    }
  }

  /**
   * In an encoder of the caller's, who may encode several steps before the first is submitted: contents travel with it,
   * each from a place of their own, as it is never known whether that is read yet. They are there when `record` has run, and
   * stand in front of what it has recorded.
   */
  travel(encoder: GPUCommandEncoder, record: () => void): void {
    const copies = this.#pages.map(({ buffer, words, used }) => {
      const { source, offset } = this.#fresh(used);
      encoder.copyBufferToBuffer(source, offset, buffer, 0, used);
      return { source, offset, words, used };
    });
    record();
    const { queue } = this.#gpu.device;
    for (const { source, offset, words, used } of copies) queue.writeBuffer(source, offset, words, 0, used / 4);
  }

  /** A place that was never written to. What is full is left to the collector: encoders may still refer to it. */
  #fresh(bytes: number): { source: GPUBuffer; offset: number } {
    if (!this.#trail || this.#trail.used + bytes > this.#trail.source.size) {
      const size = Math.max(PAGE, bytes);
      const source = this.#gpu.device.createBuffer({ size, usage: usage.copySrc | usage.copyDst });
      this.#trail = { source, used: 0 };
    }
    const { source, used } = this.#trail;
    this.#trail.used += bytes;
    return { source, offset: used };
  }

  destroy(): void {
    for (const { buffer } of this.#pages) buffer.destroy();
    this.#trail?.source.destroy();
  }
}
