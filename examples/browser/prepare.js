// @ts-check
// What the page is served with, besides its code: the trained network and some digits. Runs in Node, before Vite.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { readMetadata } from "lanestep/safetensors";
import { commandToResume, DEFAULT_FILE, parseRun, stepCountOf } from "../digits/arguments.js";
import { loadDigits } from "../digits/mnist.js";
import { whole } from "../digits/report.js";
import { restored } from "./fine-tuning.js";
import { packed, REHEARSAL } from "./packed.js";

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/** @param {string} folder @param {string} checkpoint of the trained network, made where it is not there */
export async function prepare(folder, checkpoint = path(DEFAULT_FILE)) {
  if (!existsSync(checkpoint)) {
    console.log("There is no digits.safetensors yet: npm start -- --save digits.safetensors makes it.\n");
    execFileSync(process.execPath, [path("examples/digits/main.js"), "--save", checkpoint], { stdio: "inherit" });
  }
  const trained = readFileSync(checkpoint);
  const { count } = await restored(trained).catch((error) => {
    throw new Error(
      `The page does not go on from digits.safetensors (move it away, and it trains one): ${error.message}`,
    );
  });
  const { run } = readMetadata(trained);
  const stepCount = run === undefined ? count : stepCountOf(parseRun(run));
  if (count < stepCount) {
    console.log(
      `The network of ${DEFAULT_FILE} is from step ${whole(count)} of ${whole(stepCount)}, where its training was stopped; ` +
        `to its end:\n  ${commandToResume(DEFAULT_FILE, DEFAULT_FILE)}\n`,
    );
  }
  const { training, heldOut } = loadDigits();
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/digits.safetensors`, trained);
  writeFileSync(`${folder}/digits.bin`, gzipSync(packed([...training.slice(0, REHEARSAL), ...heldOut])));
}
