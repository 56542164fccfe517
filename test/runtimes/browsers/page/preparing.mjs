// @ts-check
// What `npm run demo` says of the trained network before it serves the page.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { restored } from "../../../../examples/browser/fine-tuning.js";
import { makeFolder, removeFolder } from "../../cleanup.mjs";
import { output } from "../../processes.mjs";

const from = (/** @type {string} */ file) => new URL(`../../../../examples/${file}`, import.meta.url);

/** @param {string} folder @param {string} checkpoint @returns {Promise<string>} what is printed */
async function prepare(folder, checkpoint) {
  const call = [join(folder, "public"), checkpoint].map((each) => JSON.stringify(each)).join(", ");
  const code = `import { prepare } from ${JSON.stringify(from("browser/prepare.js").href)}; await prepare(${call});`;
  return output([process.execPath, "--input-type=module", "--eval", code]);
}

/** @type {Record<string, (folder: string, checkpoint: string) => Promise<void>>} */
const checks = {
  async "npm run demo says nothing of a network that is trained to its end"(folder, checkpoint) {
    assert.equal(await prepare(folder, checkpoint), "");
  },

  async "npm run demo says from which step a network is whose training was stopped"(folder, checkpoint) {
    const bytes = new Uint8Array(await readFile(checkpoint));
    // As Ctrl-C leaves it after the first of 2,000 steps.
    const run = "--optimizer adamw --rate 0.003 --epochs 1000 --batch 4000 --seed 1";
    await writeFile(checkpoint, (await restored(bytes)).save({ metadata: { run } }));
    const printed = await prepare(folder, checkpoint);
    assert.match(
      printed,
      /^The network of digits\.safetensors is from step 1 of 2,000, where its training was stopped;/,
    );
    assert.match(printed, /^ {2}npm start -- --resume digits\.safetensors --save digits\.safetensors$/m);
  },
};

/** @returns {Generator<[name: string, check: () => Promise<void>]>} */
export function* preparingChecks() {
  for (const [name, check] of Object.entries(checks)) {
    yield [
      name,
      async () => {
        const folder = makeFolder("lanestep-prepare-");
        try {
          const checkpoint = join(folder, "trained.safetensors");
          const options = ["--epochs", "1", "--batch", "8000", "--save", checkpoint];
          await output([process.execPath, fileURLToPath(from("digits/main.js")), ...options]);
          await check(folder, checkpoint);
        } finally {
          await removeFolder(folder);
        }
      },
    ];
  }
}
