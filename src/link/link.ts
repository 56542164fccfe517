// Joins bodies into loops. A loop takes, in bytes: its block, the planes p, x and out, and the range [begin, end) of
// offsets into them (on 64-byte lines, begin < end: empty ranges are the caller's to skip). The block holds token by token
// the pointers of its slots (i32) and its constants (f32), read once before the loop.
//
//   block | slot | slot | constant | … | slot | constant | …
//         | first token                | second token      4 bytes each
//
//   loop
//     P ← p + i, X ← x + i, …
//     for the four vectors of a 64-byte line:   u ← load X;  u ← token(u) …;  out ← u, out ← out + u, or P ← P + u
//     i ← i + 64
//   while i < end
//
// Four vectors an iteration: one costs 20 % at 1 M parameters, eight spill registers. Addresses baked in as immediates
// gain nothing in V8 and cost 20 % in JavaScriptCore. What gained nothing either (Adam, 16 k to 16 M): all four loads of x
// before the first store, p loaded where it is used, pointers that count up instead of being added. A load from the line
// 512 bytes or a page ahead, as a prefetch, costs 20 and 40 % at 16 M.

import { bodies } from "../generated/bodies.js";
import * as wasm from "./encode.js";
import type { Sink, Token } from "./signature.js";

const LINE = 64;
/** Where the vectors of a line begin. */
const VECTORS = [0, 16, 32, 48];
/** Bytes of a slot's pointer, or of a constant, in a block. */
export const CELL = 4;

/** A body as the build cut it out: see scripts/bodies.mjs. */
export interface Body {
  readonly slots: number;
  readonly constants: number;
  readonly locals: number;
  readonly code: string;
  readonly writes: readonly number[];
  readonly readsP: boolean;
}

/** How many slot pointers and constants a token takes. */
export function arity(token: Token): { slots: number; constants: number } {
  return bodyOf(token) ?? { slots: 0, constants: token === "scale" ? 1 : 2 };
}

function bodyOf(token: Token): Body | undefined {
  if (token === "scale" || token === "decay") return undefined;
  return Object.hasOwn(bodies, token) ? bodies[token] : unknown(token);
}

function unknown(part: string): never {
  throw new TypeError(`no loop has a part "${part}"`);
}

/**
 * Links each signature into one function, all in one module.
 *
 * @throws TypeError for a token or a sink that is not there
 */
export function link(signatures: readonly string[]): Uint8Array<ArrayBuffer> {
  return wasm.writeModule(signatures.map(linkLoop));
}

function linkLoop(signature: string): wasm.FunctionCode {
  const tokens = signature.split("|") as Token[];
  const sink = tokens.pop() as unknown as Sink;
  const params = new Array<number>(6).fill(wasm.I32);
  const [block, p, x, out, begin, end] = [0, 1, 2, 3, 4, 5] as const;
  const locals: number[] = [];
  const local = (type: number) => params.length + locals.push(type) - 1;
  const i = local(wasm.I32);
  const u = local(wasm.V128);
  const parameter = local(wasm.V128);

  // Three parts: what is done once, then in the loop the pointers, and one vector.
  const once: wasm.Code = [];
  const pointers: wasm.Code = [];
  const vector: wasm.Code = [];
  const pointer = (base: number): number => {
    const at = local(wasm.I32);
    pointers.push(...wasm.get(base), ...wasm.get(i), ...wasm.i32Add, ...wasm.set(at));
    return at;
  };
  let cell = 0;
  const fromBlock = (count: number, type: number, load: (offset: number) => wasm.Code): number[] =>
    Array.from({ length: count }, () => {
      const register = local(type);
      once.push(...wasm.get(block), ...load(cell), ...wasm.set(register));
      cell += CELL;
      return register;
    });

  vector.push(...wasm.get(pointer(x)), ...wasm.load, ...wasm.set(u));
  const needsP = sink === "apply" || tokens.some((token) => bodyOf(token)?.readsP ?? token === "decay");
  const P = needsP ? pointer(p) : 0;
  if (needsP) vector.push(...wasm.get(P), ...wasm.load, ...wasm.set(parameter));
  for (const token of tokens) {
    const { slots, constants } = arity(token);
    const own = fromBlock(slots, wasm.I32, wasm.loadI32).map(pointer);
    const registers = fromBlock(constants, wasm.V128, wasm.loadSplat);
    const body = bodyOf(token);
    vector.push(...(body ? bodyCode(body, registers, own) : linearCode(registers)), ...wasm.set(u));
  }
  if (sink === "apply") {
    vector.push(...wasm.get(P), ...wasm.get(parameter), ...wasm.get(u), ...wasm.add, ...wasm.store);
  } else if (sink === "store" || sink === "add") {
    const OUT = wasm.get(pointer(out));
    const sum = sink === "add" ? [...OUT, ...wasm.load, ...wasm.get(u), ...wasm.add] : wasm.get(u);
    vector.push(...OUT, ...sum, ...wasm.store);
  } else unknown(sink);
  const advance = [...wasm.get(i), ...wasm.i32Const(LINE), ...wasm.i32Add, ...wasm.tee(i)];
  const code = once.concat(
    wasm.get(begin),
    wasm.set(i),
    wasm.loop,
    pointers,
    wasm.repeat(vector, VECTORS),
    advance,
    wasm.get(end),
    wasm.i32LessUnsigned,
    wasm.branchIf(0),
    wasm.end,
  );
  return { name: signature, params, locals, code };

  /** Leaves a·u, or a·u + b·p, on the stack. */
  function linearCode([a, b]: readonly number[]): wasm.Code {
    const scaled = [...wasm.get(a!), ...wasm.get(u), ...wasm.multiply];
    if (b === undefined) return scaled;
    return [...scaled, ...wasm.get(b), ...wasm.get(parameter), ...wasm.multiply, ...wasm.add];
  }

  /** Leaves the body's result on the stack: its code, with its locals put in their places. */
  function bodyCode(body: Body, registers: readonly number[], own: readonly number[]): wasm.Code {
    const result: wasm.Code = [];
    // asc lets a body overwrite its parameters: p and the constants are wanted again, so such a one gets a copy.
    const spare = (position: number, source: number, read = true) => {
      if (!body.writes.includes(position)) return source;
      const copy = local(wasm.V128);
      if (read) result.push(...wasm.get(source), ...wasm.set(copy));
      return copy;
    };
    const map = [
      u,
      spare(1, parameter, body.readsP),
      ...own,
      ...registers.map((register, k) => spare(2 + body.slots + k, register)),
      ...Array.from({ length: body.locals }, () => local(wasm.V128)),
    ];
    for (const pair of body.code.match(/../g)!) {
      const value = parseInt(pair[1]!, 36);
      if (pair[0] === "l") result.push(...wasm.unsigned(map[value]!));
      else result.push(pair[0] === "o" ? ~value : parseInt(pair, 16));
    }
    return result;
  }
}
