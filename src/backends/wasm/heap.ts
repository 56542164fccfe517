import { compileKernel, compileKernels, compileLoop, SHARED_PAGES } from "./modules.ts";

/** What kernels.wasm exports; pointers in bytes, lengths in elements. See assembly/kernels. */
interface Kernels {
  readonly memory: WebAssembly.Memory;
  sumSquares(x: number, length: number): number;
  sumSquaresDecayed(x: number, p: number, length: number, a: number, b: number): number;
  maxMagnitude(x: number, length: number): number;
  hasNonFinite(x: number, length: number): number;
  flush(begin: number, end: number): void;
  /** Those of rules are there too where kernels.wasm was compiled ahead. */
  readonly centralize?: Kernel;
  readonly addNoise?: Kernel;
}

/** The kernel of a rule; what is behind out and x the rule says. */
type Kernel = (out: number, x: number, ...others: readonly number[]) => void;

/** A linked loop, all in bytes: see src/link/link.ts. */
export type Loop = (block: number, p: number, x: number, out: number, begin: number, end: number) => void;

const PAGE = 65536;
/** The last page stays out: an end pointer of 2^32 would be 0. */
const MAX_PAGES = 65535;
/** Planes begin behind what a compiler may place at the begin of a memory. */
const BEGIN = 1024;
/** Arenas below this lie one after another in shared memories: a memory of its own costs 0.4 ms in some engines, and
 * Chromium refuses the 125th of a page. */
const SHARED_BELOW = PAGE;

export const MAX_BYTES = MAX_PAGES * PAGE - BEGIN;

/** One memory with its kernels and its instances of linked loops. It does not grow after its first view. */
export class Heap {
  readonly kernels: Kernels;
  readonly buffer: ArrayBuffer;
  /** All of it. */
  readonly floats: Float32Array;
  readonly pointers: Uint32Array;
  readonly #loops = new Map<string, Loop>();
  readonly #given = new Map<WebAssembly.Module, Readonly<Record<string, Loop>>>();
  #top = BEGIN;

  private constructor(pages: number, kernels: WebAssembly.Module | null) {
    this.kernels = new WebAssembly.Instance(kernels ?? compileKernels(pages)).exports as unknown as Kernels;
    // Kernels that were compiled ahead have the memory of small arenas.
    if (kernels && pages > SHARED_PAGES) this.kernels.memory.grow(pages - SHARED_PAGES);
    this.buffer = this.kernels.memory.buffer as ArrayBuffer; // not shared, though types of some engines allow for it
    this.floats = new Float32Array(this.buffer);
    this.pointers = new Uint32Array(this.buffer);
  }

  /**
   * One with room for an arena: shared with other small ones, or for it alone.
   *
   * @throws RangeError if the engine has no such memory left
   */
  static with(bytes: number, kernels: WebAssembly.Module | null): Heap {
    if (bytes >= SHARED_BELOW) return new Heap(Math.ceil((BEGIN + bytes) / PAGE), kernels);
    if (!shared || shared.#top + bytes > shared.buffer.byteLength) shared = new Heap(SHARED_PAGES, kernels);
    return shared;
  }

  /** Where there is room. It is never given twice: a view that outlives its optimizer shows its own old numbers, not another's. */
  take(bytes: number): number {
    const base = this.#top;
    this.#top += bytes;
    return base;
  }

  /** The loop of a signature, linked and compiled if it was not. */
  loop(signature: string): Loop {
    const loop = this.#loops.get(signature) ?? this.#instantiate(compileLoop(signature))[signature]!;
    this.#loops.set(signature, loop);
    return loop;
  }

  /** The kernel of a rule: one of the kernels compiled ahead, or of the module that the rule brings. */
  kernel(rule: Parameters<typeof compileKernel>[0]): Kernel {
    return this.kernels[rule.kernel] ?? (this.given(compileKernel(rule))[rule.kernel] as Kernel);
  }

  /** The loops of a module that was linked ahead of time, by signature. */
  given(module: WebAssembly.Module): Readonly<Record<string, Loop>> {
    const loops = this.#given.get(module) ?? this.#instantiate(module);
    this.#given.set(module, loops);
    return loops;
  }

  #instantiate(module: WebAssembly.Module): Readonly<Record<string, Loop>> {
    return new WebAssembly.Instance(module, { env: { memory: this.kernels.memory } }).exports as Record<string, Loop>;
  }
}

let shared: Heap | undefined;
