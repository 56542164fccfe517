import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { signaturesOf } from "../src/backends/wasm/engine.ts";
import * as table from "../src/generated/bodies.ts";
import * as lanestep from "../src/index.ts";
import { centralizeHead } from "../src/link/centralize.ts";
import { arity, CELL, link, register, registerHead } from "../src/link/link.ts";
import { type BodyName, signatureOf, type Token } from "../src/link/signature.ts";
import { warmedSignatures } from "../src/warmed.ts";
import { uniform } from "./oracle/arbitrary.ts";
import { bodies } from "./oracle/bodies.ts";
import { centralize } from "./oracle/kernels.ts";

const f = Math.fround;
Object.values(table).forEach(register);
const BODIES = Object.keys(table) as BodyName[];
const SINKS = ["store", "add", "apply"] as const;
const BEGIN = 1024;
const BLOCK = 64;
/** Elements of a plane: four lines, of which the first and the last stay out of the range. */
const PLANE = 64;
const RANGE = [16, 48] as const;

/** The loops of a step, pass by pass. */
const loopsOf = (optimizer: { readonly internals: lanestep.Optimizer["internals"] }) =>
  optimizer.internals.program.groups.flatMap((group) => signaturesOf(group));
const moduleOf = (...signatures: string[]) => new WebAssembly.Module(link(signatures));
const exportsOf = (module: WebAssembly.Module) => WebAssembly.Module.exports(module).map(({ name }) => name);

function loopOf(signature: string, memory: WebAssembly.Memory): (...args: number[]) => void {
  const { exports } = new WebAssembly.Instance(moduleOf(signature), { env: { memory } });
  return exports[signature] as (...args: number[]) => void;
}

/**
 * Planes p, x, out, then the slots, of random numbers: before and after a loop, and what the oracle makes of them. With
 * `columns` it begins by centralizing rows.
 */
function runLoop(tokens: readonly Token[], sink: (typeof SINKS)[number], columns = 0) {
  const arities = tokens.map(arity);
  const count = 3 + arities.reduce((sum, { slots }) => sum + slots, 0);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const at = (plane: number) => BEGIN + plane * PLANE * 4;
  const planes = Array.from({ length: count }, (_, i) => new Float32Array(memory.buffer, at(i), PLANE));
  const random = uniform(7);
  for (const plane of planes) for (let i = 0; i < PLANE; i++) plane[i] = 0.5 + random();
  const expected = planes.map((plane) => plane.slice());

  const block = BLOCK;
  const cells = new DataView(memory.buffer);
  let cell = block - CELL;
  const next = () => {
    cell += CELL;
    return cell;
  };
  const [p, x, out] = expected as [Float32Array, Float32Array, Float32Array];
  if (columns > 0) {
    const a = 0.75 + random();
    cells.setUint32(next(), columns * 4, true);
    cells.setFloat32(next(), a, true);
    const range = x.subarray(...RANGE);
    centralize(range, range.slice(), [range.length / columns, columns], f(a));
  }
  let slot = 3;
  const steps = tokens.map((token, k) => {
    const taken = Array.from({ length: arities[k]!.slots }, () => slot++);
    const constants = Array.from({ length: arities[k]!.constants }, () => 0.25 + random() / 2);
    for (const plane of taken) cells.setUint32(next(), at(plane), true);
    for (const constant of constants) cells.setFloat32(next(), constant, true);
    return { token, slots: taken.map((plane) => expected[plane]!), constants: constants.map(f) };
  });
  for (let i = RANGE[0]; i < RANGE[1]; i++) {
    let u = x[i]!;
    for (const { token, slots, constants } of steps) {
      const [a, b] = constants as [number, number];
      if (token === "scale") u = f(a * u);
      else if (token === "decay") u = f(f(a * u) + f(b * p[i]!));
      else u = bodies[token](u, slots, i, constants, p[i]!);
    }
    if (sink === "store") out[i] = u;
    else if (sink === "add") out[i] = f(out[i]! + u);
    else p[i] = f(p[i]! + u);
  }
  if (columns > 0) x.set(planes[1]!); // what is read stays as it is
  const loop = loopOf(signatureOf(tokens, sink, columns > 0 ? ["centralize"] : []), memory);
  loop(block, at(0), at(1), at(2), RANGE[0] * 4, RANGE[1] * 4);
  return { planes, expected };
}

/** What the name section calls the functions, in order. */
function functionNames(module: WebAssembly.Module): string[] {
  const bytes = new Uint8Array(WebAssembly.Module.customSections(module, "name")[0]!);
  let at = 0;
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  expect(bytes[at++]).toBe(1); // the subsection of functions
  expect(leb()).toBe(bytes.length - at);
  return Array.from({ length: leb() }, (_, i) => {
    expect(leb()).toBe(i);
    const length = leb();
    at += length;
    return new TextDecoder().decode(bytes.subarray(at - length, at));
  });
}

describe("a signature", () => {
  it("is its tokens and its sink", () => {
    expect(signatureOf([], "store")).toBe("store");
    expect(signatureOf(["scale", "adam", "decay"], "apply")).toBe("scale|adam|decay|apply");
  });

  it.each(["store", "adam|decay|apply", "scale|trace|scale|add"])(
    "%s takes a block, three planes and a range",
    (signature) => {
      expect(loopOf(signature, new WebAssembly.Memory({ initial: 1 })).length).toBe(6);
    },
  );
});

describe("a linked module", () => {
  it("imports the memory and exports its loops by signature", () => {
    const signatures = ["clip|adam|decay|apply", "store", "trace|store"];
    const module = moduleOf(...signatures);
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
    expect(exportsOf(module)).toEqual(signatures);
  });

  it("has its signatures in the name section, for profilers", () => {
    expect(functionNames(moduleOf("clip|adam|apply"))).toEqual(["clip|adam|apply"]);
    expect(functionNames(moduleOf(...warmedSignatures()))).toEqual(warmedSignatures());
  });

  it("is the same bytes for the same signature", () => {
    expect(link(["belief|decay|apply"])).toEqual(link(["belief|decay|apply"]));
    expect(link(["belief|decay|apply"])).not.toEqual(link(["belief|decay|store"]));
  });
});

describe("a loop has the bits of the interpreter's bodies, and touches nothing outside its range", () => {
  for (const sink of SINKS) {
    const alone: Token[][] = [[], ["scale"], ["decay"], ...BODIES.map((body): Token[] => [body])];
    for (const tokens of alone) {
      it(signatureOf(tokens, sink), () => {
        expect(WebAssembly.validate(link([signatureOf(tokens, sink)]))).toBe(true);
        const { planes, expected } = runLoop(tokens, sink);
        expect(planes).toEqual(expected);
      });
    }

    it(`each body behind and before each other|${sink}`, () => {
      for (const first of BODIES) {
        for (const second of BODIES) {
          const { planes, expected } = runLoop([first, "scale", second, "decay"], sink);
          expect(planes, `${first}|scale|${second}|decay`).toEqual(expected);
        }
      }
    });

    it(`every body, two of them twice, with more than 127 locals|${sink}`, () => {
      const tokens: Token[] = [...BODIES, "adam", "belief"].flatMap((body): Token[] => [body as BodyName, "decay"]);
      expect(tokens.length).toBe(2 * (BODIES.length + 2));
      expect(WebAssembly.validate(link([signatureOf(tokens, sink)]))).toBe(true);
      const { planes, expected } = runLoop(tokens, sink);
      expect(planes).toEqual(expected);
    });
  }

  describe("row by row, as each has its mean", () => {
    registerHead(centralizeHead);
    const chains: readonly (readonly Token[])[] = [
      [],
      ["scale"],
      ["decay"],
      ["adam", "scale"],
      ["trace", "decay", "rms"],
    ];
    const cases = chains.flatMap((tokens) =>
      SINKS.flatMap((sink) => [16, 32].map((columns) => ({ tokens, sink, columns }))),
    );
    it.each(cases)("$tokens $sink, rows of $columns", ({ tokens, sink, columns }) => {
      const { planes, expected } = runLoop(tokens, sink, columns);
      expect(planes).toEqual(expected);
    });
  });

  it("a chain of 200 rules with state is one loop, and runs", async () => {
    const update = lanestep.chain(
      ...Array.from({ length: 200 }, () => lanestep.trace({ decay: 0 })),
      lanestep.scale(-1),
    );
    const optimizer = await update.init({ w: Float32Array.of(1, 2, 3) });
    expect(loopsOf(optimizer).map((signature) => signature.split("|").length)).toEqual([202]);
    optimizer.step({ w: Float32Array.of(0.5, -0.5, 4) });
    expect([...optimizer.params.w]).toEqual([0.5, 2.5, -1]);
  });

  it("a chain of thirteen bodies is one loop of more than 1,000 bytes, and runs", async () => {
    const { clip, scaleByAdam, scaleByBelief, scaleByRms, scaleByRss, scaleByStddev, scaleByYogi, trace } = lanestep;
    const four = lanestep.chain(clip(), scaleByAdam(), trace(), scaleByRms());
    const others = [trace({ nesterov: true }), scaleByBelief(), scaleByYogi(), scaleByRss(), scaleByStddev()];
    const update = lanestep.chain(four, ...others, four, lanestep.scale(-1e-3));
    const [signature, ...rest] = loopsOf(await update.init({ w: Float32Array.of(1, 2, 3) }));
    expect(rest).toEqual([]);
    expect(signature!.split("|").filter((token) => BODIES.includes(token as BodyName)).length).toBe(13);
    expect(link([signature!]).length).toBeGreaterThan(1000);
    const optimizer = await update.init({ w: Float32Array.of(1, 2, 3) });
    expect(optimizer.backend.path).toBe("linked");
    optimizer.step({ w: Float32Array.of(0.1, -0.2, 0.3) });
    expect(optimizer.params.w.every(Number.isFinite)).toBe(true);
  });
});

describe("warmed.wasm", () => {
  const warmed = new WebAssembly.Module(readFileSync(new URL("../dist/warmed.wasm", import.meta.url)));

  it("exports the warmed signatures, each once", () => {
    expect(exportsOf(warmed)).toEqual(warmedSignatures());
    expect(new Set(warmedSignatures()).size).toBe(warmedSignatures().length);
  });

  it("has every operation alone, for the tile path", () => {
    for (const token of ["scale", "decay", ...BODIES]) expect(exportsOf(warmed)).toContain(`${token}|store`);
    for (const sink of SINKS) expect(exportsOf(warmed)).toContain(sink);
  });

  const recipes = {
    adabelief: lanestep.adabelief(),
    adadelta: lanestep.adadelta(),
    adagrad: lanestep.adagrad(),
    adam: lanestep.adam(),
    adamax: lanestep.adamax(),
    adamw: lanestep.adamw(),
    lamb: lanestep.lamb(),
    lion: lanestep.lion(),
    noisySgd: lanestep.noisySgd(),
    radam: lanestep.radam(),
    rmsprop: lanestep.rmsprop(),
    "rmsprop, centered": lanestep.rmsprop({ centered: true }),
    "rmsprop with momentum": lanestep.rmsprop({ momentum: 0.9 }),
    "rmsprop, nesterov": lanestep.rmsprop({ momentum: 0.9, nesterov: true }),
    sgd: lanestep.sgd(),
    "sgd with momentum": lanestep.sgd({ momentum: 0.9 }),
    "sgd, nesterov": lanestep.sgd({ momentum: 0.9, nesterov: true }),
    yogi: lanestep.yogi(),
  };
  it.each(Object.entries(recipes))("has the loops of %s, behind a clipped norm or not", (_name, update) => {
    const clipped = lanestep.chain(lanestep.clipByGlobalNorm(), update);
    for (const usual of [update, clipped]) {
      const optimizer = usual.initSync({ w: { shape: [3] } }, { backend: "wasm", module: warmed });
      const signatures = loopsOf(optimizer);
      expect(optimizer.backend.path, signatures.join(", ")).toBe("warmed");
      // update() stores what step() applies.
      const stored = signatures.map((signature) => signature.replace(/apply$/, "store"));
      expect(exportsOf(warmed)).toEqual(expect.arrayContaining(stored));
    }
  });
});
