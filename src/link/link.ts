// Joins bodies into loops. A loop takes, in bytes: its block, the planes p, x and out, and the range [begin, end) of
// offsets into them (on 64-byte lines, begin < end: empty ranges are the caller's to skip). The block holds token by token
// the pointers of its slots (i32) and its constants (f32), read once before the loop.
//
//   block | slot | slot | constant | … | slot | constant | …
//         | first token                | second token      4 bytes each
//
//   loop
//     P ← p + i, X ← x + i, …
//     for each of these the four vectors of a 64-byte line:
//       u ← load X;  u ← token(u), token by token;  out ← u, out ← out + u, or P ← P + u
//     i ← i + 64
//   while i < end
//
// One that begins with a kernel's name (`centralize`) goes row by row: its block begins with the bytes of a row, whole lines,
// and a loop around that above reads a row for its constant, then once more, from the first-level cache, for all the rest.
// (By the kernel and a scratch plane, at 16 M: 2.3 times as long before scale, 1.3 before adam. The same 1,024 elements at a
// time gained as much before scale, and took 1.3 times as long before adam, as each call begins new streams of memory.)
//
// Token by token, not vector by vector: a vector's roots and divisions wait for one another, and a processor overlaps
// them with those of the next vector where these are near; eight rules took three times as long.
// Four vectors an iteration: one costs 20 % at 1 M parameters, eight spill registers. Addresses baked in as immediates
// gain nothing in V8 and cost 20 % in JavaScriptCore. Pointers that count up instead of being added gain nothing either
// (Adam, 16 k to 16 M), and a load from the line 512 bytes or a page ahead, as a prefetch, costs 20 and 40 % at 16 M.

import * as wasm from "./encode.ts";
import type { BodyName, Sink, Token } from "./signature.ts";

/** The vectors of a line. */
const VECTORS = [0, 1, 2, 3];
const VECTOR = 16;
/** In the code for any vector: its u, its p, and ~offset for what is added to its offset into the line. */
const U = -1000;
const PARAMETER = -1001;
/** Bytes of a slot's pointer, or of a constant, in a block. */
export const CELL = 4;

/** A body as the build cut it out: see scripts/bodies.mjs. */
export interface Body {
  readonly body: BodyName;
  readonly code: string;
}

/** By token: k0·x, k0·x + k1·p, and the bodies of the rules that were met. (All of them would be in every bundle.) */
const codes = new Map<string, string>([
  ["scale", "20k020x0fde601"],
  ["decay", "20k020x0fde60120k120p0fde601fde401"],
]);

/** How a loop may begin instead of with a rule's kernel: row by row, with a constant for each. */
export interface Head {
  /** Of the kernel. */
  readonly name: string;
  /** The same code as a body's; k0 is a factor of x, k1 the row's constant. */
  readonly code: string;
  /** Leaves that constant on the stack, in all lanes. */
  readonly constant: (row: Row, local: (type: number) => number) => wasm.Code;
}

/** A row, of whole lines: code that leaves where it begins and ends, locals with its bytes and the factor. */
export interface Row {
  readonly begin: wasm.Code;
  readonly end: wasm.Code;
  readonly bytes: number;
  readonly a: number;
}

const heads = new Map<string, Head>();

/** From now on signatures may begin with it. */
export const registerHead = (head: Head): unknown => heads.set(head.name, head);

/** From now on signatures may name it. */
export const register = ({ body, code }: Body): unknown => codes.set(body, code);

const codeOf = (token: Token): string => codes.get(token) ?? unknown(token);

/** Whether a token reads the parameters. */
export const readsParameters = (token: Token): boolean => codeOf(token).includes("p");

/** How many slot pointers and constants a token takes. */
export function arity(token: Token): { slots: number; constants: number } {
  const code = codeOf(token);
  const count = (letter: string) => {
    let n = 0;
    while (code.includes(letter + n)) n++;
    return n;
  };
  return { slots: count("s"), constants: count("k") };
}

/** Two letters each: a byte in hexadecimal, or a place. */
function pairsOf(code: string): string[] {
  const pairs: string[] = [];
  for (let at = 0; at < code.length; at += 2) pairs.push(code.slice(at, at + 2));
  return pairs;
}

function unknown(part: string): never {
  throw new TypeError(`no loop has a part "${part}"`);
}

const getU = wasm.get(U);
const setU = wasm.set(U);
const getParameter = wasm.get(PARAMETER);
const setParameter = wasm.set(PARAMETER);

/**
 * Links each signature into one function, all in one module.
 *
 * @throws TypeError for a token or a sink that is not there
 */
export function link(signatures: readonly string[]): Uint8Array<ArrayBuffer> {
  return wasm.writeModule(signatures.map(linkLoop));
}

function linkLoop(signature: string): wasm.FunctionCode {
  const parts = signature.split("|");
  const sink = parts.pop() as Sink;
  const head = heads.get(parts[0]!);
  const tokens = parts.slice(head ? 1 : 0) as Token[];
  // The parameters; begin goes on to the end.
  const [block, p, x, out, i, end] = [0, 1, 2, 3, 4, 5] as const;
  const locals: number[] = [];
  const local = (type: number) => end + locals.push(type);
  const us = VECTORS.map(() => local(wasm.V128));
  const parameters = VECTORS.map(() => local(wasm.V128));

  // What is done once, then in the loop the pointers, and what is done for each vector.
  const once: wasm.Code[] = [];
  const pointers: wasm.Code[] = [];
  const line: wasm.Code[] = [];
  const forEachVector = (code: wasm.Code) => {
    const places: number[] = [];
    for (let at = 0; at < code.length; at++) if (code[at]! < 0) places.push(at);
    for (const vector of VECTORS) {
      const own = code.slice();
      for (const at of places) {
        const place = code[at]!;
        if (place === U) own[at] = us[vector]!;
        else own[at] = place === PARAMETER ? parameters[vector]! : ~place + VECTOR * vector;
      }
      line.push(own);
    }
  };
  const pointer = (base: number): number => {
    const at = local(wasm.I32);
    pointers.push(wasm.get(base), wasm.get(i), wasm.i32Add, wasm.set(at));
    return at;
  };
  let cell = 0;
  const fromBlock = (count: number, type: number, load: (offset: number) => wasm.Code): number[] =>
    Array.from({ length: count }, () => {
      const register = local(type);
      once.push(wasm.get(block), load(cell), wasm.set(register));
      cell += CELL;
      return register;
    });
  // Loaded where it is first wanted.
  let P: number | null = null;
  const loadParameter = (): wasm.Code => {
    if (P !== null) return [];
    P = pointer(p);
    return wasm.get(P).concat(wasm.load, setParameter);
  };

  forEachVector(wasm.get(pointer(x)).concat(wasm.load, setU));
  let last: number = end;
  const row: wasm.Code[] = [];
  if (head) {
    const [bytes] = fromBlock(1, wasm.I32, wasm.loadI32) as [number];
    const [a] = fromBlock(1, wasm.V128, wasm.loadSplat) as [number];
    const constant = local(wasm.V128);
    last = local(wasm.I32);
    const address = (offset: number) => wasm.get(x).concat(wasm.get(offset), wasm.i32Add);
    row.push(wasm.get(i), wasm.get(bytes), wasm.i32Add, wasm.set(last));
    row.push(head.constant({ begin: address(i), end: address(last), bytes, a }, local), wasm.set(constant));
    forEachVector(bodyCode(head.code, [a, constant], []).concat(setU));
  }
  for (const token of tokens) {
    const { slots, constants } = arity(token);
    const own = fromBlock(slots, wasm.I32, wasm.loadI32).map(pointer);
    const registers = fromBlock(constants, wasm.V128, wasm.loadSplat);
    const first = readsParameters(token) ? loadParameter() : [];
    forEachVector(first.concat(bodyCode(codeOf(token), registers, own), setU));
  }
  if (sink === "apply") {
    const first = loadParameter();
    forEachVector(first.concat(wasm.get(P!), getParameter, getU, wasm.add, wasm.store));
  } else if (sink === "store" || sink === "add") {
    const OUT = wasm.get(pointer(out));
    const sum = sink === "add" ? OUT.concat(wasm.load, getU, wasm.add) : getU;
    forEachVector(OUT.concat(sum, wasm.store));
  } else unknown(sink);
  const lines = wasm.loop.concat(...pointers, ...line, wasm.advance(i), wasm.get(last), wasm.repeat);
  const rows = head ? wasm.loop.concat(...row, lines, wasm.get(i), wasm.get(end), wasm.repeat) : lines;
  return { name: signature, locals, code: ([] as wasm.Code).concat(...once, rows) };

  /** Leaves the body's result on the stack: its code, with its locals put in their places. */
  function bodyCode(body: string, registers: readonly number[], own: readonly number[]): wasm.Code {
    let result: wasm.Code = [];
    const places: Record<string, number> = { x0: U };
    // asc lets a body overwrite its parameters: p and the constants are wanted again, so such a one gets a copy.
    const place = (name: string, source: number) => {
      places[name] = source;
      if (!body.includes(`21${name}`) && !body.includes(`22${name}`)) return;
      places[name] = local(wasm.V128);
      result = result.concat(wasm.get(source), wasm.set(places[name]));
    };
    place("p0", PARAMETER);
    registers.forEach((register, i) => {
      place(`k${i.toString(36)}`, register);
    });
    own.forEach((pointer, i) => {
      places[`s${i}`] = pointer;
    });
    for (const pair of pairsOf(body)) {
      if (pair < "g") result.push(parseInt(pair, 16));
      else if (pair[0] === "o") result.push(~parseInt(pair[1]!, 36));
      else {
        places[pair] ??= local(wasm.V128);
        result.push(...wasm.index(places[pair]));
      }
    }
    return result;
  }
}
