// @ts-check
// The checks of golden.spec.ts, rules.spec.ts and steps.spec.ts on the built library, in engines with a WebGPU of their own:
// Deno (wgpu) and Chromium (Dawn). Each has to run all that Node counts.

import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { bundleTests } from "../runtimes/bundled.mjs";
import { kill } from "../runtimes/cleanup.mjs";
import { wordsOf } from "../runtimes/errors.mjs";
import { goldenTexts } from "../runtimes/golden.mjs";
import { deno, requireInstalled } from "../runtimes/installed.mjs";
import { start } from "../runtimes/processes.mjs";
import { openPage } from "./chromium.mjs";

/** @typedef {import("../runtimes/run.mjs").Check} Check */
/** @typedef {import("./engine.ts").Said | { ended: string | null }} Said */
/** An engine at work. `ended` rejects when it ends by itself. @typedef {{ ended: Promise<never>, close(): Promise<unknown> }} Engine */
/** @typedef {(hear: (line: string) => void) => Promise<Engine>} Open */

/** A guard against engines that hang, not a limit on their time: so long nothing is said. */
const SILENCE = 300_000;

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "build/webgpu");

/** @type {Open} */
async function openDeno(hear) {
  const child = start([
    requireInstalled(deno),
    "run",
    "--quiet",
    "--no-lock",
    "--allow-all",
    join(root, "test/webgpu/client.mjs"),
  ]);
  createInterface(child.stdout).on("line", hear);
  const stderr = text(child.stderr);
  const closed = once(child, "close");
  const ended = closed.then(async ([code, signal]) => {
    throw new Error(`ended with ${signal ?? code}: ${await stderr}`);
  });
  const close = () => {
    kill(child);
    return closed;
  };
  return { ended, close };
}

/** @type {Open} */
async function openChromium(hear) {
  const { page, ended, close } = await openPage();
  page.on("console", (message) => hear(message.text()));
  await page.goto("http://localhost/test/webgpu/client.html");
  return { ended, close };
}

/** What the engines are given, and what they have to say. @type {Promise<readonly string[]> | undefined} */
let preparing;
const prepared = () => {
  preparing ??= prepare();
  return preparing;
};

async function prepare() {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "engine.mjs");
  const built = { "src/index.ts": "../../dist/index.js", "src/schedules/index.ts": "../../dist/schedules.js" };
  await bundleTests("test/webgpu/engine.ts", file, built);
  /** @type {typeof import("./engine.ts")} */
  const { givenOf, namesOf } = await import(pathToFileURL(file).href);
  const given = givenOf(await goldenTexts());
  await writeFile(join(folder, "given.json"), JSON.stringify(given));
  return namesOf(given);
}

/** All that an engine says, to its end; what it has to say is heard meanwhile. @param {Open} open @param {(said: Said) => void} hear */
async function listen(open, hear) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Engine | undefined} */
  let engine;
  try {
    await new Promise((resolve, reject) => {
      const heard = () => {
        clearTimeout(timer);
        timer = setTimeout(() => reject(new Error(`has said nothing for ${SILENCE / 1000} s`)), SILENCE);
      };
      heard();
      const opening = open((line) => {
        heard();
        if (!line.startsWith("{")) return console.log(`  ${line}`);
        const said = /** @type {Said} */ (JSON.parse(line));
        if (!("ended" in said)) hear(said);
        else if (said.ended === null) resolve(undefined);
        else reject(new Error(said.ended));
      });
      opening.then((opened) => {
        engine = opened;
        opened.ended.catch(reject);
      }, reject);
    });
  } finally {
    clearTimeout(timer);
    await engine?.close();
  }
}

/** @param {Open} open @returns {AsyncGenerator<Check>} */
async function* checksIn(open) {
  const names = await prepared();
  /** @type {Map<string, string | undefined>} */
  const done = new Map();
  let adapter = "";
  const error = await listen(open, (said) => {
    if ("adapter" in said) adapter = said.adapter;
    else if ("name" in said) done.set(said.name, said.error);
    else if ("set" in said) console.log(`  ${said.set}: at most ${said.worst}`);
  }).then(() => undefined, wordsOf);
  if (adapter) console.log(`  on ${adapter}`);
  yield { name: "runs to the end, on an adapter", error };
  for (const name of names) yield { name, error: done.has(name) ? done.get(name) : "was not run" };
  for (const name of done.keys()) if (!names.includes(name)) yield { name, error: "is not among the checks of Node" };
}

export const inDeno = () => checksIn(openDeno);

export const inChromium = () => checksIn(openChromium);
