// Shaders as text: one for each chain of operations between two cuts, and a few whole loops. The text is the signature:
// a device compiles each but once.

import { wgsl } from "../../generated/wgsl.ts";
import type { Constants } from "./constants.ts";

/** Of a group; in software 256 took three times as long where sums are added up, as each step of that waits for all. */
export const THREADS = 64;

/** Of the one group that adds up the sums of a whole tree. */
const TREE_THREADS = 256;

/** What a shader is bound to, in order; a plane by its place among those of the pass. */
export type Resource =
  | "piece"
  | "constants"
  | "chunks"
  | "leaves"
  | "factors"
  | "partials"
  | { readonly buffer: number };

export interface Shader {
  readonly text: string;
  readonly resources: readonly Resource[];
}

/** How the planes of a pass are bound for a piece. */
export interface Binding {
  readonly width: 1 | 4;
  /** Of each plane: which buffer it is in. */
  readonly buffers: readonly number[];
  /** Of each plane: whether the pass writes it. */
  readonly writes: readonly boolean[];
}

const kinds: Record<Exclude<Resource, object>, string> = {
  piece: "var<uniform> piece:Piece",
  constants: "",
  chunks: "var<storage,read> chunks:array<vec4u>",
  leaves: "var<storage,read> leaves:array<vec4u>",
  factors: "var<storage,read_write> factors:array<f32>",
  partials: "var<storage,read_write> partials:array<vec2u>",
};

/** Puts a shader together; `resources` are those that its body names. */
export function shaderOf(
  body: string,
  {
    functions,
    constants,
    binding,
    others,
  }: {
    readonly functions: readonly string[];
    readonly constants: Constants;
    readonly binding: Binding | null;
    readonly others: readonly Exclude<Resource, object>[];
  },
  threads = THREADS,
): Shader {
  const count = binding ? Math.max(...binding.buffers) + 1 : 0;
  const resources: Resource[] = [
    "piece",
    ...(constants.scalars.length > 0 ? (["constants"] as const) : []),
    ...others,
    ...Array.from({ length: count }, (_, buffer) => ({ buffer })),
  ];
  const declared = resources.map((resource, i) => {
    const at = `@group(0) @binding(${i}) `;
    if (typeof resource === "object") {
      const isWritten = binding!.buffers.some((own, plane) => own === resource.buffer && binding!.writes[plane]);
      const type = binding!.width === 4 ? "vec4f" : "f32";
      return `${at}var<storage,${isWritten ? "read_write" : "read"}> b${resource.buffer}:array<${type}>;`;
    }
    if (resource !== "constants") return `${at}${kinds[resource]};`;
    return `${at}var<uniform> constants:array<vec4u,${Math.ceil(constants.scalars.length / 4)}>;`;
  });
  const planes = Math.ceil((binding?.buffers.length ?? 1) / 4);
  const text = [
    `struct Piece{count:u32,first:u32,chunks:u32,spare:u32,at:array<vec4u,${planes}>}`,
    ...declared,
    ...new Set(functions),
    `@compute @workgroup_size(${threads})`,
    "fn main(@builtin(global_invocation_id) id:vec3u,@builtin(local_invocation_index) lane:u32," +
      "@builtin(workgroup_id) group:vec3u,@builtin(num_workgroups) groups:vec3u){",
    body,
    "}",
  ].join("\n");
  return { text, resources };
}

/** Reads and writes of planes, at `at` elements of the width from the begin of the piece. */
export function access({ width, buffers }: Binding) {
  const element = (plane: number) => `b${buffers[plane]}[piece.at[${plane >> 2}][${plane & 3}]+at]`;
  return {
    load: (plane: number) => (width === 4 ? element(plane) : `vec4f(${element(plane)},0,0,0)`),
    store: (plane: number, value: string) => `${element(plane)}=${width === 4 ? value : `(${value}).x`};`,
  };
}

/** Each thread takes elements a grid apart. */
const overPiece = (inner: string): string => `for(var at=id.x;at<piece.count;at+=groups.x*${THREADS}u){\n${inner}\n}`;

/** Each group of threads takes chunks: `leaf` is the place of the chunk's leaf, `k` the first of its elements at `at`. */
const overChunks = (width: 1 | 4, before: string, inner: string, after = ""): string =>
  `for(var c=group.x;c<piece.chunks;c+=groups.x){
let chunk=chunks[piece.first+c];let leaf=chunk.z;${before}
for(var k=lane*${width}u;k<chunk.y;k+=${THREADS * width}u){let at=(chunk.x+k)/${width}u;
${inner}
}${after}
}`;

export type SinkKind = "store" | "add" | "apply";

/** One operation of a loop. */
export type LoopStep =
  | { readonly kind: "scale"; readonly a: string }
  | { readonly kind: "decay"; readonly a: string; readonly b: string }
  | { readonly kind: "flush" }
  | {
      readonly kind: "body";
      readonly body: keyof typeof wgsl.bodies;
      readonly constants: readonly string[];
      /** Among the planes. */
      readonly slots: readonly number[];
    };

/** Planes of a loop, by their place; null where it wants none. */
export interface LoopPlanes {
  readonly x: number;
  readonly p: number | null;
  readonly out: number;
}

/** Operations between two cuts, over a piece, or chunk by chunk where something differs from leaf to leaf. */
export function loopShader(
  steps: readonly LoopStep[],
  sink: SinkKind,
  { x, p, out }: LoopPlanes,
  constants: Constants,
  binding: Binding,
): Shader {
  const { load, store } = access(binding);
  const lets: string[] = [];
  const named = (value: string) => `k${lets.push(`let k${lets.length}=${value};`) - 1}`;
  const lines = [`var x=${load(x)};`];
  if (p !== null) lines.push(`let p=${load(p)};`);
  const functions = [wgsl.lanes];
  const stores: string[] = [];
  steps.forEach((step, i) => {
    switch (step.kind) {
      case "scale":
        lines.push(`x=${named(step.a)}*x;`);
        break;
      case "decay":
        lines.push(`x=${named(step.a)}*x+${named(step.b)}*p;`);
        break;
      case "flush":
        functions.push(wgsl.kernels.flush);
        lines.push("x=flush(x);");
        break;
      case "body": {
        functions.push(wgsl.bodies[step.body].text);
        const slots = step.slots.map((slot, k) => {
          lines.push(`var s${i}_${k}=${load(slot)};`);
          stores.push(store(slot, `s${i}_${k}`));
          return `&s${i}_${k}`;
        });
        const taken = ["x", p === null ? "vec4f()" : "p", ...slots, ...step.constants.map(named)];
        lines.push(`x=${step.body}(${taken.join()});`);
        break;
      }
      default:
        step satisfies never;
    }
  });
  const result = { store: "x", add: `${load(out)}+x`, apply: "p+x" }[sink];
  lines.push(...stores, store(out, result));
  const inner = lines.join("\n");
  const others = [
    ...(constants.usesLeaf ? (["chunks"] as const) : []),
    ...(constants.usesFactors ? (["factors"] as const) : []),
  ];
  const body = constants.usesLeaf
    ? overChunks(binding.width, lets.join(""), inner)
    : `${lets.join("")}\n${overPiece(inner)}`;
  return shaderOf(body, { functions, constants, binding, others });
}

/** Adds up `sums` over the threads of a group in a fixed order, into `sums[0]`. */
const addUp = (join: (a: string, b: string) => string, threads = THREADS): string =>
  `workgroupBarrier();
for(var half=${threads / 2}u;half>0u;half/=2u){
if(lane<half){sums[lane]=${join("sums[lane]", "sums[lane+half]")};}
workgroupBarrier();}`;

/** Squares are added; the bits of magnitudes are in the order of these, and those of a NaN behind all. */
const measures = {
  2: {
    type: "vec2f",
    term: (x: string) => `${x}*${x}`,
    vector: "vec4f",
    add: (a: string, b: string) => `${a}+${b}`,
    lanes: (v: string) => `((${v}.x+${v}.y)+(${v}.z+${v}.w))`,
    toBits: (v: string) => `bitcast<vec2u>(${v})`,
    fromBits: (v: string) => `bitcast<vec2f>(${v})`,
    norms: "sqrt(sums[0])",
  },
  Infinity: {
    type: "vec2u",
    term: (x: string) => `(bitcast<vec4u>(${x})&vec4u(0x7fffffffu))`,
    vector: "vec4u",
    add: (a: string, b: string) => `max(${a},${b})`,
    lanes: (v: string) => `max(max(${v}.x,${v}.y),max(${v}.z,${v}.w))`,
    toBits: (v: string) => v,
    fromBits: (v: string) => v,
    norms: "bitcast<vec2f>(sums[0])",
  },
};

const measureOf = (order: number) => measures[order === 2 ? 2 : "Infinity"];

const sharedSums = (order: number, threads = THREADS): string =>
  `var<workgroup> sums:array<${measureOf(order).type},${threads}>;`;

/** Measures a·x + b·p, and p where it is wanted, chunk by chunk: a partial sum each, at `base`. */
export function normShader(
  order: number,
  { x, p }: { readonly x: number; readonly p: number | null },
  form: { readonly a: string | null; readonly b: string | null; readonly wantsParams: boolean },
  base: number,
  constants: Constants,
  binding: Binding,
): Shader {
  const { load } = access(binding);
  const m = measureOf(order);
  const { width } = binding;
  const lets = [form.a ? `let a=${form.a};` : "", form.b ? `let b=${form.b};` : ""].join("");
  const value = `${form.a ? `a*${load(x)}` : load(x)}${form.b ? `+b*${load(p!)}` : ""}`;
  // Behind the end of a leaf may stand anything.
  const inside = width === 4 ? "(vec4u(k)+vec4u(0,1,2,3))<vec4u(chunk.y)" : "vec4<bool>(true,false,false,false)";
  const masked = (v: string) => `select(vec4f(),${v},${inside})`;
  const inner = [
    `let x=${masked(value)};u=${m.add("u", m.term("x"))};`,
    form.wantsParams ? `let p=${masked(load(p!))};q=${m.add("q", m.term("p"))};` : "",
  ].join("\n");
  const body = overChunks(
    width,
    `${lets}var u=${m.vector}();var q=${m.vector}();`,
    inner,
    `sums[lane]=${m.type}(${m.lanes("u")},${m.lanes("q")});
${addUp(m.add)}
if(lane==0u){partials[${base}u+piece.first+c]=${m.toBits("sums[0]")};}
workgroupBarrier();`,
  );
  const factors = constants.usesFactors ? (["factors"] as const) : [];
  const others = ["chunks", "partials", ...factors] as const;
  return shaderOf(body, { functions: [sharedSums(order)], constants, binding, others });
}

/** A factor by its rule, with the options that it takes. */
export interface FactorCall {
  readonly rule: string;
  readonly order: number;
  /** Where the rule's partial sums begin. */
  readonly base: number;
  readonly options: readonly string[];
}

function factorParts({ rule, order, base, options }: FactorCall, threads: number) {
  const m = measureOf(order);
  const sum = (from: string) => `let part=${m.fromBits(`partials[${base}u+${from}]`)};sum=${m.add("sum", "part")};`;
  const finish = `sums[lane]=sum;\n${addUp(m.add, threads)}\nlet norms=${m.norms};\n`;
  const call = `${rule}(${["norms.x", "norms.y", ...options].join()})`;
  return {
    functions: [sharedSums(order, threads), wgsl.factors[rule]!.text],
    start: `var sum=${m.type}();`,
    sum,
    finish,
    call,
  };
}

/** The factor of a whole tree: one group of threads, over the chunks of the groups that are there. */
export function treeFactorShader(
  given: FactorCall,
  ranges: readonly { readonly first: string; readonly count: string }[],
  at: number,
  normAt: number,
  constants: Constants,
): Shader {
  const { functions, start, sum, finish, call } = factorParts(given, TREE_THREADS);
  const loops = ranges.map(
    ({ first, count }) => `for(var i=lane;i<${count};i+=${TREE_THREADS}u){${sum(`${first}+i`)}}`,
  );
  const body = `${start}\n${loops.join("\n")}\n${finish}if(lane==0u&&piece.count>0u){factors[${at}]=${call};factors[${normAt}]=norms.x;}`;
  return shaderOf(body, { functions, constants, binding: null, others: ["partials", "factors"] }, TREE_THREADS);
}

/** The factor of each leaf, a group of threads a leaf. */
export function leafFactorShader(given: FactorCall, at: number, constants: Constants): Shader {
  const { functions, start, sum, finish, call } = factorParts(given, THREADS);
  const body = `for(var l=group.x;l<piece.count;l+=groups.x){
let leaf=leaves[piece.first+l];${start}
for(var i=lane;i<leaf.y;i+=${THREADS}u){${sum("leaf.x+i")}}
${finish}if(lane==0u){factors[${at}u+piece.first+l]=${call};}
workgroupBarrier();}`;
  return shaderOf(body, { functions, constants, binding: null, others: ["leaves", "partials", "factors"] });
}

/** Normal numbers, the same for an element wherever it lies. */
export function noiseShader(
  { x, out }: LoopPlanes,
  { a, sigma, key, step, rule }: Readonly<Record<"a" | "sigma" | "key" | "step" | "rule", string>>,
  constants: Constants,
  binding: Binding,
): Shader {
  const { load, store } = access(binding);
  const drawn = (value: string) =>
    `addNoise(${value},vec4u((chunk.w+k)/4u,leaves[leaf].z,${step},${rule}),${key},${sigma})`;
  const one = binding.width === 1;
  const inner = `let x=a*${load(x)};\n${
    one ? `let y=vec4f(${drawn("vec4f(x.x)")}[(chunk.w+k)&3u]);` : `let y=${drawn("x")};`
  }\n${store(out, "y")}`;
  const body = overChunks(binding.width, `let a=${a};`, inner);
  const factors = constants.usesFactors ? (["factors"] as const) : [];
  const others = ["chunks", "leaves", ...factors] as const;
  return shaderOf(body, { functions: [wgsl.kernels.noise], constants, binding, others });
}

/** Rows of this many elements at most are a thread's, longer ones a group's. */
export const SHORT_ROW = 64;

/** a·x − mean(a·x), row by row; `piece`: rows, elements of a row, whether there is a mean, the leaf. */
export function centralizeShader(
  { x, out }: LoopPlanes,
  a: string,
  isShort: boolean,
  constants: Constants,
  binding: Binding,
): Shader {
  const { load, store } = access(binding);
  const start = `let leaf=piece.spare;let a=${a};let columns=piece.first;`;
  const mean = "select(0.0,a*total/f32(columns),piece.chunks==1u)";
  const each = (from: string, step: string, inner: string) =>
    `for(var k=${from};k<columns;k+=${step}){let at=row*columns+k;${inner}}`;
  const body = isShort
    ? `${start}for(var row=id.x;row<piece.count;row+=groups.x*${THREADS}u){var total=0.0;
${each("0u", "1u", `total+=${load(x)}.x;`)}
let mean=${mean};
${each("0u", "1u", store(out, `a*${load(x)}-mean`))}}`
    : `${start}for(var row=group.x;row<piece.count;row+=groups.x){var sum=0.0;
${each("lane", `${THREADS}u`, `sum+=${load(x)}.x;`)}
sums[lane]=sum;${addUp((p, q) => `${p}+${q}`)}
let total=sums[0];let mean=${mean};
${each("lane", `${THREADS}u`, store(out, `a*${load(x)}-mean`))}
workgroupBarrier();}`;
  const others = constants.usesFactors ? (["factors"] as const) : [];
  const functions = isShort ? [] : [`var<workgroup> sums:array<f32,${THREADS}>;`];
  return shaderOf(body, { functions, constants, binding, others });
}
