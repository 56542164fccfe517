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
const VECTOR = 16;
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

const bodyOf = (token: Token): Body | undefined => (token === "scale" || token === "decay" ? undefined : bodies[token]);

/** Links each signature into one function, all in one module. */
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
  const code: wasm.Code = [];
  const emit = (...parts: wasm.Code[]) => {
    for (const part of parts) for (const byte of part) code.push(byte);
  };

  const needsP = sink === "apply" || tokens.some((token) => bodyOf(token)?.readsP ?? token === "decay");
  const i = local(wasm.I32);
  const P = local(wasm.I32);
  const X = local(wasm.I32);
  const OUT = local(wasm.I32);
  const u = local(wasm.V128);
  const parameter = local(wasm.V128);
  let at = 0;
  const fromBlock = (count: number, type: number, load: (offset: number) => wasm.Code): number[] =>
    Array.from({ length: count }, () => {
      const register = local(type);
      emit(wasm.get(block), load(at), wasm.set(register));
      at += CELL;
      return register;
    });
  const steps = tokens.map((token) => {
    const { slots, constants } = arity(token);
    const bases = fromBlock(slots, wasm.I32, wasm.loadI32);
    const registers = fromBlock(constants, wasm.V128, wasm.loadSplat);
    const pointers = bases.map((base) => ({ base, pointer: local(wasm.I32) }));
    const body = bodyOf(token);
    return {
      registers,
      pointers,
      emitVector: body ? bodyEmitter(body, registers, pointers) : linearEmitter(registers),
    };
  });

  emit(wasm.get(begin), wasm.set(i), wasm.loop);
  const address = (base: number, pointer: number) => emit(wasm.get(base), wasm.get(i), wasm.i32Add, wasm.set(pointer));
  address(x, X);
  if (needsP) address(p, P);
  if (sink !== "apply") address(out, OUT);
  for (const { pointers } of steps) for (const { base, pointer } of pointers) address(base, pointer);
  for (let offset = 0; offset < LINE; offset += VECTOR) {
    emit(wasm.get(X), wasm.load(offset), wasm.set(u));
    if (needsP) emit(wasm.get(P), wasm.load(offset), wasm.set(parameter));
    for (const { emitVector } of steps) emit(emitVector(offset), wasm.set(u));
    if (sink === "store") emit(wasm.get(OUT), wasm.get(u), wasm.store(offset));
    else if (sink === "add")
      emit(wasm.get(OUT), wasm.get(OUT), wasm.load(offset), wasm.get(u), wasm.add, wasm.store(offset));
    else emit(wasm.get(P), wasm.get(parameter), wasm.get(u), wasm.add, wasm.store(offset));
  }
  emit(wasm.get(i), wasm.i32Const(LINE), wasm.i32Add, wasm.tee(i), wasm.get(end), wasm.i32LessUnsigned);
  emit(wasm.branchIf(0), wasm.end);
  return { name: signature, params, locals, code };

  /** Leaves a·u, or a·u + b·p, on the stack. */
  function linearEmitter([a, b]: readonly number[]): (offset: number) => wasm.Code {
    const scaled = [...wasm.get(a!), ...wasm.get(u), ...wasm.multiply];
    const decayed = b === undefined ? [] : [...wasm.get(b), ...wasm.get(parameter), ...wasm.multiply, ...wasm.add];
    return () => [...scaled, ...decayed];
  }

  /** Leaves the body's result on the stack: its code, with its locals and memory offsets put in their places. */
  function bodyEmitter(
    body: Body,
    registers: readonly number[],
    pointers: readonly { pointer: number }[],
  ): (offset: number) => wasm.Code {
    const code = body.code.match(/../g)!;
    const written = new Set(body.writes);
    const prologue: wasm.Code = [];
    // asc lets a body overwrite its parameters: p and the constants are wanted again, so such a one gets a copy.
    const own = (position: number, source: number, read = true) => {
      if (!written.has(position)) return source;
      const copy = local(wasm.V128);
      if (read) prologue.push(...wasm.get(source), ...wasm.set(copy));
      return copy;
    };
    const map = [
      u,
      own(1, parameter, body.readsP),
      ...pointers.map(({ pointer }) => pointer),
      ...registers.map((register, k) => own(2 + body.slots + k, register)),
      ...Array.from({ length: body.locals }, () => local(wasm.V128)),
    ];
    return (offset) => {
      const result = [...prologue];
      for (const pair of code) {
        const value = parseInt(pair[1]!, 36);
        if (pair[0] === "l") result.push(...wasm.unsigned(map[value]!));
        else if (pair[0] === "o") result.push(...wasm.unsigned(value + offset));
        else result.push(parseInt(pair, 16));
      }
      return result;
    };
  }
}
