// Cuts every body out of the compiled module, for the linker: its bytes, with marks where a local is named or a memory
// offset stands, so that src/link can join bodies into loops. Binaryen may merge equal bodies: names come from
// the exports, not from the functions.

const V128 = 0x7b;
const I32 = 0x7f;

/** Opcodes a body may hold: straight-line v128 code on its own locals, no call, no global, no branch. */
const LOCAL_GET = 0x20;
const LOCAL_TEE = 0x22;
const DROP = 0x1a;
const F32_CONST = 0x43;
const SIMD = 0xfd;

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  byte() {
    return this.bytes[this.at++];
  }
  leb() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }
  /** @param {(i: number) => T} read @returns {T[]} @template T */
  list(read) {
    return Array.from({ length: this.leb() }, (_, i) => read(i));
  }
  text() {
    const length = this.leb();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
}

/**
 * @param {Uint8Array} wasm the compiled assembly/bodies
 * @returns {Record<string, { slots: number, constants: number, locals: number, code: string, writes: number[], readsP: boolean }>}
 *   by exported name; the parameters are x, p, `slots` pointers, `constants` vectors, then come `locals` vectors.
 *   `code`: two characters a byte, in hexadecimal, or `l` and a local's index, or `o` and a memory offset, in base 36;
 *   `writes`: parameters that are set; `readsP`: whether p is wanted at all (else it is at most a spare local).
 */
export function readBodies(wasm) {
  const r = new Reader(wasm);
  r.at = 8;
  /** @type {{ params: number[], results: number[] }[]} */
  let types = [];
  /** @type {typeof types} */
  let functions = [];
  /** @type {{ name: string, kind: number, index: number }[]} */
  let exported = [];
  /** @type {ReturnType<typeof readBody>[]} */
  let bodies = [];
  while (r.at < wasm.length) {
    const id = r.byte();
    const end = r.leb() + r.at;
    if (id === 1)
      types = r.list(() => {
        r.byte(); // a function type
        return { params: r.list(() => r.byte()), results: r.list(() => r.byte()) };
      });
    else if (id === 2) throw new Error("assembly/bodies imports something");
    else if (id === 3) functions = r.list(() => types[r.leb()]);
    else if (id === 7) exported = r.list(() => ({ name: r.text(), kind: r.byte(), index: r.leb() }));
    else if (id === 10) bodies = r.list((i) => readBody(r, functions[i]));
    r.at = end;
  }
  return Object.fromEntries(
    exported
      .filter((e) => e.kind === 0)
      .map((e) => [e.name, bodies[e.index]])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** @param {Reader} r @param {{ params: number[], results: number[] }} type */
function readBody(r, type) {
  const end = r.leb() + r.at;
  const pointers = type.params.slice(2).filter((t) => t === I32).length;
  const expected = [V128, V128, ...Array(pointers).fill(I32), ...Array(type.params.length - 2 - pointers).fill(V128)];
  if (type.params.join() !== expected.join() || type.results.join() !== String(V128))
    throw new Error(
      `a body takes (x, p, pointers…, constants…) and gives a v128, not ${type.params} → ${type.results}`,
    );
  const locals = r.list(() => {
    const count = r.leb();
    if (r.byte() !== V128) throw new Error("a body keeps v128 locals only");
    return count;
  });
  const start = r.at;
  const marks = new Map();
  const writes = new Set();
  let readsP = false;
  const mark = (/** @type {string} */ letter) => {
    const value = r.byte();
    if (value > 35) throw new Error("an index or an offset of a body takes more than one digit");
    marks.set(r.at - 1 - start, letter + value.toString(36));
    return value;
  };
  while (r.at < end - 1) {
    const op = r.byte();
    if (op >= LOCAL_GET && op <= LOCAL_TEE) {
      const index = mark("l");
      if (op === LOCAL_GET && index === 1 && !writes.has(1)) readsP = true;
      if (op !== LOCAL_GET && index < type.params.length) writes.add(index);
    } else if (op === F32_CONST) r.at += 4;
    else if (op === SIMD) {
      const code = r.leb();
      if (code <= 11) {
        r.leb(); // alignment
        mark("o");
      } else if (code === 12 || code === 13)
        r.at += 16; // v128.const, i8x16.shuffle
      else if (code >= 21 && code <= 34) r.at += 1; // a lane
    } else if (op !== DROP) throw new Error(`a body may not hold opcode 0x${op.toString(16)}`);
  }
  const bytes = r.bytes.slice(start, end - 1); // without the closing `end`
  const code = Array.from(bytes, (byte, at) => marks.get(at) ?? byte.toString(16).padStart(2, "0")).join("");
  r.at = end;
  const constants = type.params.length - 2 - pointers;
  const sum = locals.reduce((a, b) => a + b, 0);
  return {
    slots: pointers,
    constants,
    locals: sum,
    code,
    writes: [...writes].sort((a, b) => a - b),
    readsP,
  };
}
