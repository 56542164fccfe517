// Trees of every form that is right.

import { runInNewContext } from "node:vm";
import { of, wave } from "./models.ts";

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, wave(i % 40, i)]));
const keys = ["a.b", "a/b", "a~1b", "", " ", "ü", "😀", "\ud800", "constructor", "then", "10", "9", "-1", "length"];
const deep = Array.from({ length: 500 }).reduce<object>((inner) => ({ inner }), of(1));
const typed = runInNewContext("({ a: Float32Array.of(1, 2), b: [new Int8Array([3]), Float64Array.of(0.5)] })");

export const trees: readonly [name: string, tree: unknown][] = [
  ["no leaf", {}],
  ["no leaf, an array", []],
  ["nodes without leaves", { a: {}, b: [[], {}], c: of(1) }],
  ["leaves of length 0", { a: of(), b: of(1), c: { data: [], shape: [2, 0] } }],
  ["a number alone", 5],
  ["an array alone", wave(33)],
  ["300 small leaves", many(300)],
  ["10,000 keys", many(10_000)],
  ["keys of all kinds", Object.fromEntries([...keys.map((key, i) => [key, of(i)] as const), ["a", { b: of(20) }]])],
  ["__proto__ as a key", JSON.parse('{ "__proto__": { "a": 1, "__proto__": 2 }, "b": 3 }')],
  ["500 levels", deep],
  ["objects of another realm", typed],
  ["objects without a prototype, frozen", Object.freeze(Object.assign(Object.create(null), { a: of(1) }))],
  ["a proxy", new Proxy({ a: new Proxy([of(1)], {}) }, {})],
  ["a part of a buffer, and shared memory", [wave(9).subarray(3, 7), new Float32Array(new SharedArrayBuffer(8))]],
  ["nodes called data and shape", { data: { w: of(1) }, shape: { w: of(2) } }],
];

/** The tree as views see it, all numbers twice as large. */
export function double(node: unknown): unknown {
  if (typeof node === "number") return of(2 * node);
  if (ArrayBuffer.isView(node)) return Float32Array.from(node as Float32Array, (x) => 2 * x);
  if (Array.isArray(node)) return node.map(double);
  const { data, shape } = node as { data?: number[]; shape?: unknown };
  if (Array.isArray(shape)) return Float32Array.from(data!);
  return Object.fromEntries(Object.entries(node as object).map(([key, child]) => [key, double(child)]));
}
