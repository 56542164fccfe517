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
 * @returns {Record<string, string>} code by exported name, two characters a byte: in hexadecimal, or a letter and a digit
 *   in base 36. `o`: a memory offset; the others are locals: `x0` the update, `p0` the parameter, if it is read at all,
 *   `s` a slot's pointer, `k` a constant, `l` a vector of the body's own
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
      .map((e) => [e.name, /** @type {string} */ (bodies[e.index])])
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
  r.list(() => {
    r.leb();
    if (r.byte() !== V128) throw new Error("a body keeps v128 locals only");
  });
  const start = r.at;
  const marks = new Map();
  const mark = (/** @type {string} */ letter, /** @type {number} */ value) => {
    // Further ones are k and s, which the linker would take for the letters of places.
    if (value > 19) throw new Error("an index or an offset of a body is past the digit j");
    marks.set(r.at - 1 - start, letter + value.toString(36));
  };
  // p that is set first is a spare local of the compiler's.
  /** @type {boolean | undefined} */
  let readsP;
  while (r.at < end - 1) {
    const op = r.byte();
    if (op >= LOCAL_GET && op <= LOCAL_TEE) {
      const index = r.byte();
      if (index === 1) readsP ??= op === LOCAL_GET;
      if (index === 0) mark("x", 0);
      else if (index === 1 && readsP) mark("p", 0);
      else if (index > 1 && index < 2 + pointers) mark("s", index - 2);
      else if (index > 1 && index < type.params.length) mark("k", index - 2 - pointers);
      else mark("l", index === 1 ? 0 : index - type.params.length + 1);
    } else if (op === F32_CONST) r.at += 4;
    else if (op === SIMD) {
      const code = r.leb();
      if (code <= 11) {
        r.leb(); // alignment
        mark("o", r.byte());
      } else if (code === 12 || code === 13)
        r.at += 16; // v128.const, i8x16.shuffle
      else if (code >= 21 && code <= 34) r.at += 1; // a lane
    } else if (op !== DROP) throw new Error(`a body may not hold opcode 0x${op.toString(16)}`);
  }
  const bytes = r.bytes.slice(start, end - 1); // without the closing `end`
  r.at = end;
  return Array.from(bytes, (byte, at) => marks.get(at) ?? byte.toString(16).padStart(2, "0")).join("");
}
