// @ts-check
// The peers that people use today: how each is started, what it needs, and what to do where that is missing.

/** @import { Peer } from "../measure.js" */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { Child, ChildPeer } from "../own/child.js";
import { ADAM, MAX_NORM } from "../settings.js";

/**
 * @typedef {object} CatalogueEntry
 * @property {string} name
 * @property {() => Availability} availability
 * @property {(lengths: number[]) => Promise<Peer>} start
 */

/** @typedef {{ versions: Record<string, string> } | { missing: string, remedy: string }} Availability */

export const python = process.env.LANESTEP_PYTHON ?? "python3";

const IN_PYTHON =
  "python3 -m venv build/peers && build/peers/bin/pip install -r bench/peers/requirements.txt, then set " +
  "LANESTEP_PYTHON=build/peers/bin/python";

/**
 * @param {string[]} packages
 * @returns {Availability}
 */
export function fromNpm(packages) {
  /** @type {Record<string, string>} */
  const versions = {};
  for (const name of packages) {
    try {
      const text = readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8");
      versions[name] = /** @type {{ version: string }} */ (JSON.parse(text)).version;
    } catch {
      return { missing: `${name} is not installed`, remedy: "npm ci --prefix bench/peers" };
    }
  }
  return { versions };
}

/** @type {Map<string, Availability>} */
const asked = new Map();

/**
 * @param {string[]} modules
 * @param {number} cores
 */
function fromPython(modules, cores) {
  if (os.cpus().length < cores) return { missing: "this machine has one core", remedy: "take one with more" };
  const key = modules.join(", ");
  const availability = asked.get(key) ?? imported(modules);
  asked.set(key, availability);
  return availability;
}

/**
 * @param {string[]} modules
 * @returns {Availability}
 */
function imported(modules) {
  const ask = `import json, ${modules}\nprint(json.dumps({m.__name__: m.__version__ for m in [${modules}]}))`;
  const answer = spawnSync(python, ["-c", ask], { encoding: "utf8" });
  if (answer.status === 0) return { versions: JSON.parse(answer.stdout) };
  const reason = answer.error?.message ?? answer.stderr.trim().split("\n").at(-1);
  return { missing: `${python} cannot import ${modules.join(", ")}: ${reason}`, remedy: IN_PYTHON };
}

/**
 * @param {string} name
 * @param {string} file
 * @param {{ cores: number, implementation?: string }} options
 * @param {number[]} lengths
 */
function pythonPeer(name, file, options, lengths) {
  const settings = JSON.stringify({ ...ADAM, maxNorm: MAX_NORM, lengths, ...options });
  const path = fileURLToPath(new URL(file, import.meta.url));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return new ChildPeer(new Child(name, [python, "-B", path, settings], total)); // -B: nothing is written beside the sources
}

/** The folder's own package may not be installed, so the types do not follow these imports. */
const load = (/** @type {string} */ file) => import(new URL(file, import.meta.url).href);

const tensorflow = (/** @type {"cpu" | "wasm"} */ backend) => {
  const name = `TensorFlow.js, ${backend}`;
  /** @type {CatalogueEntry} */
  const entry = {
    name,
    availability: () => fromNpm(["@tensorflow/tfjs-core", `@tensorflow/tfjs-backend-${backend}`]),
    start: async (lengths) => new (await load("./tensorflow.js")).TensorFlowPeer(name, backend, lengths),
  };
  return entry;
};

const pytorch = (/** @type {"foreach" | "fused"} */ implementation, /** @type {number} */ cores) => {
  const name = `PyTorch ${implementation}, ${cores} ${cores === 1 ? "thread" : "threads"}`;
  /** @type {CatalogueEntry} */
  const entry = {
    name,
    availability: () => fromPython(["torch", "numpy"], cores),
    start: async (lengths) => pythonPeer(name, "pytorch.py", { implementation, cores }, lengths),
  };
  return entry;
};

const optax = (/** @type {string} */ name, /** @type {number} */ cores) => {
  /** @type {CatalogueEntry} */
  const entry = {
    name,
    availability: () => fromPython(["jax", "jaxlib", "optax", "numpy"], cores),
    start: async (lengths) => pythonPeer(name, "jax_optax.py", { cores }, lengths),
  };
  return entry;
};

/** @type {CatalogueEntry[]} */
export const catalogue = [
  tensorflow("cpu"),
  tensorflow("wasm"),
  {
    name: "jax-js, wasm",
    availability: () => fromNpm(["@jax-js/jax"]),
    start: async (lengths) => new (await load("./jax-js.js")).JaxJsPeer("jax-js, wasm", lengths),
  },
  pytorch("foreach", 1),
  pytorch("foreach", 2),
  pytorch("fused", 1),
  pytorch("fused", 2),
  optax("Optax jitted, 1 core", 1),
  optax("Optax jitted, all cores", 2),
];
