// A small WebAssembly writer: as much of the binary format as a module of linked loops needs.
// https://webassembly.github.io/spec/core/binary/

export const I32 = 0x7f;
export const V128 = 0x7b;

/** One instruction byte after another; numbers below 256, and negative placeholders: those of src/link/link.ts. */
export type Code = number[];

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;

const END = 0x0b;
const LINE = [0xc0, 0x00]; // 64, as a signed number
const SIMD = 0xfd;
const ALIGN_16 = 0x04;
const ALIGN_4 = 0x02;

export function unsigned(value: number): Code {
  const bytes: Code = [];
  do {
    const low = value & 127;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 128);
  } while (value !== 0);
  return bytes;
}

// Code is joined by concat: where an engine still interprets this, a link that spreads it takes 1.3 times as long.

/** Of a local, or a placeholder for one. */
export const index = (local: number): Code => (local < 128 ? [local] : unsigned(local));
export const get = (local: number): Code => [LOCAL_GET].concat(index(local));
export const set = (local: number): Code => [LOCAL_SET].concat(index(local));
export const i32Add: Code = [0x6a];
export const loop: Code = [0x03, 0x40];
/** What ends a loop: from its begin again, if one i32 on the stack is less, unsigned, than that above it. */
export const repeat: Code = [0x49, 0x0d, 0, END];
/** A local, of i32, by a line of 64 bytes; it is left on the stack too. */
export const advance = (local: number): Code => get(local).concat(0x41, LINE, i32Add, 0x22, unsigned(local));
/** Of one of the vectors of a line: their offset is a placeholder, ~0, as others of a body's are. */
export const load: Code = [SIMD, 0x00, ALIGN_16, ~0];
export const store: Code = [SIMD, 0x0b, ALIGN_16, ~0];

/** Of a vector behind an address. */
export const loadAt = (offset: number): Code => [SIMD, 0x00, ALIGN_16, offset];

/** Of the f32 at an address, in all four lanes. */
export const loadSplat = (offset: number): Code => [SIMD, 0x09, ALIGN_4].concat(unsigned(offset));
export const loadI32 = (offset: number): Code => [0x28, ALIGN_4].concat(unsigned(offset));
export const add: Code = [SIMD, 0xe4, 0x01];

/** A function of six i32: the types of the locals behind them, code without the closing `end`. */
export interface FunctionCode {
  readonly name: string;
  readonly locals: readonly number[];
  readonly code: Code;
}

// Spreading a long array as arguments overflows the stack of small engines: sections are joined with concat.
const section = (id: number, content: Code): Code => [id].concat(unsigned(content.length), content);
const list = (items: readonly Code[]): Code => unsigned(items.length).concat(...items);
/** Names are signatures: ASCII. */
const text = (name: string): Code => unsigned(name.length).concat(Array.from(name, (c) => c.charCodeAt(0)));

/** A section of a name, with content of any kind: engines read past it. */
export const customSection = (name: string, content: Code): Code => section(0, text(name).concat(content));

/** A module that imports `env.memory` and exports the functions by name; profilers show the same names. */
export function writeModule(functions: readonly FunctionCode[]): Uint8Array<ArrayBuffer> {
  const bodies = functions.map(({ locals, code }): Code => {
    const body = list(locals.map((t) => [1, t])).concat(code, END);
    return unsigned(body.length).concat(body);
  });
  const names = list(functions.map(({ name }, i) => unsigned(i).concat(text(name))));
  return new Uint8Array(
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].concat(
      section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]),
      section(2, list([text("env").concat(text("memory"), 2, 0, 0)])),
      section(3, list(functions.map(() => [0]))),
      section(7, list(functions.map(({ name }, i) => text(name).concat(0, unsigned(i))))),
      section(10, list(bodies)),
      customSection("name", section(1, names)),
    ),
  );
}
