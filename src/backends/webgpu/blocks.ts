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
   * In an encoder of the caller's, who may encode several steps before the first is submitted: contents travel with it.
   * They are known when `record` has run, and stand in front of what it has recorded.
   */
  travel(encoder: GPUCommandEncoder, record: () => void): void {
    const copies: { page: Page; staging: GPUBuffer }[] = [];
    const stage = (page: Page) => {
      const size = page.used;
      const staging = this.#gpu.device.createBuffer({ size, usage: usage.copySrc, mappedAtCreation: true });
      encoder.copyBufferToBuffer(staging, 0, page.buffer, 0, size);
      copies.push({ page, staging });
    };
    this.#pages.forEach(stage);
    record();
    for (const { page, staging } of copies) {
      new Uint32Array(staging.getMappedRange()).set(page.words.subarray(0, staging.size / 4));
      staging.unmap();
    }
  }

  destroy(): void {
    for (const { buffer } of this.#pages) buffer.destroy();
  }
}
