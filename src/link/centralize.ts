// The mean of a row, as assembly/kernels/centralize.ts adds it up: sixteen elements in four f32 lanes, those in four of f64.

import * as wasm from "./encode.ts";
import type { Head, Row } from "./link.ts";

const SIMD = 0xfd;
const xor = [SIMD, 0x51];
const toF64 = [SIMD, 0x5f]; // the lower two lanes of f32
const add = [SIMD, 0xf0, 0x01]; // of f64
const upper = [8, 9, 10, 11, 12, 13, 14, 15];
const swap = [SIMD, 0x0d, ...upper, ...upper];
const firstF32 = [SIMD, 0x1f, 0];
const lane = (local: number, index: number): wasm.Code => [...wasm.get(local), SIMD, 0x21, index];
const [f64Add, f64Multiply, f64Divide, fromF32, toF32] = [0xa0, 0xa2, 0xa3, 0xbb, 0xb6] as const;
const countOfBytes = [0x41, 2, 0x76, 0xb8]; // shifted right by two, as an f64
const splat = [SIMD, 0x13];

/** Leaves the mean of a·x in all lanes. */
function meanOfRow({ begin, end, bytes, a }: Row, local: (type: number) => number): wasm.Code {
  const at = local(wasm.I32);
  const [sum, low, high] = [local(wasm.V128), local(wasm.V128), local(wasm.V128)];
  const zero = [...wasm.get(a), ...wasm.get(a), ...xor];
  const pair = (offset: number) => [
    ...[...wasm.get(at), ...wasm.loadAt(offset), ...wasm.get(at), ...wasm.loadAt(offset + 16)],
    ...wasm.add,
  ];
  const gather = (total: number, half: wasm.Code) =>
    wasm.get(total).concat(wasm.get(sum), half, toF64, add, wasm.set(total));
  return begin.concat(
    wasm.set(at),
    zero,
    wasm.set(low),
    zero,
    wasm.set(high),
    wasm.loop,
    pair(0),
    pair(32),
    wasm.add,
    wasm.set(sum),
    gather(low, []),
    gather(high, [...wasm.get(sum), ...swap]),
    wasm.advance(at),
    end,
    wasm.repeat,
    wasm.get(low),
    wasm.get(high),
    add,
    wasm.set(sum),
    wasm.get(a),
    firstF32,
    fromF32,
    lane(sum, 0),
    lane(sum, 1),
    f64Add,
    f64Multiply,
    wasm.get(bytes),
    countOfBytes,
    f64Divide,
    toF32,
    splat,
  );
}

/** x ← a·x − its mean over the row: for loops in the place of the kernel `centralize`. */
export const centralizeHead: Head = { name: "centralize", code: "20k020x0fde60120k1fde501", constant: meanOfRow };
