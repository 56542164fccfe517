// The package as JSR would have it: its sources. Deno's own dry run says which files those are; they are copied into a folder
// and run there by Deno, type checked.

import assert from "node:assert/strict";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { success } from "../runtimes/processes.mjs";
import { here, root } from "./places.mjs";

const deno = here("../runtimes/node_modules/deno/deno");

/** The same program for both: ten steps, as words of 32 bits. */
const PROGRAM = `import { adamw, chain, clipByGlobalNorm } from "lanestep";
import { bake } from "lanestep/bake";
import { describe } from "lanestep/describe";
import { writeFileAtomic } from "lanestep/files";
import { byPath } from "lanestep/glob";
import { readSafetensors } from "lanestep/safetensors";
import { warmupCosine } from "lanestep/schedules";

const learningRate = warmupCosine({ peakValue: 0.1, warmupSteps: 3, decaySteps: 9 });
const update = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate, decay: 0.01 }));
const first = await update.init({ w: { shape: [37] }, b: 0.5 }, { backend: "wasm" });
const write = (step, { w, b }) => {
  for (let i = 0; i < w.length; i++) w[i] = (((i * 31 + step * 17) % 211) - 105) / 97;
  b[0] = step - 2;
};
for (let step = 0; step < 5; step++) {
  write(step, first.grads);
  first.step();
}
const path = new URL("./model.safetensors", import.meta.url);
await writeFileAtomic(path, first.saveChunks());
const optimizer = await update.restore(first.save(), { w: { shape: [37] }, b: 0 });
for (let step = 5; step < 10; step++) {
  write(step, optimizer.grads);
  optimizer.step();
}
const { w, b } = optimizer.params;
const bits = (leaf) => [...new Uint32Array(leaf.slice().buffer)];
const read = readSafetensors(optimizer.save());
console.log(JSON.stringify({
  bits: [bits(w), bits(b)],
  path: optimizer.backend.path,
  more: [describe(update), bake(update).length, byPath({ "*": "all" })("w"), Object.keys(read)],
}));
`;
/** Where types are wanted, in the order of the program. */
const typed = PROGRAM.replace(
  "(step, { w, b })",
  "(step: number, { w, b }: { w: Float32Array; b: Float32Array })",
).replace("(leaf)", "(leaf: Float32Array)");

/** @param {import("./run.mjs").Context} context @returns {AsyncGenerator<import("./run.mjs").Check>} */
export async function* jsr({ project, manifest }) {
  const config = JSON.parse(await readFile(join(root, "jsr.json"), "utf8"));
  const folder = join(project, "jsr");

  yield {
    name: "jsr.json has the version of package.json, and its entries",
    async body() {
      assert.equal(config.version, manifest.version);
      const names = Object.keys(manifest.exports).filter((name) => !/\.(wasm|json)$/.test(name));
      assert.deepEqual(Object.keys(config.exports), names);
      return `${names.length} entries`;
    },
  };

  yield {
    name: "deno publish --dry-run: types are checked, none is slow; the files are the sources",
    async body() {
      const { stdout, stderr } = await success([deno, "publish", "--dry-run", "--allow-dirty"], { cwd: root });
      const printed = stdout + stderr;
      assert.match(printed, /Checking for slow types/);
      assert.match(printed, /Success Dry run complete/);
      const files = [...printed.matchAll(/^ +(file:\/\/\S+) \(/gm)].map(([, url = ""]) =>
        relative(root, fileURLToPath(url)),
      );
      for (const name of [...Object.values(config.exports), "src/generated/kernels.ts", "LICENSE", "README.md"]) {
        assert.ok(files.includes(relative(".", name)), `${name} is not among ${files}`);
      }
      const others = files.filter((name) => !name.startsWith("src/")).sort();
      assert.deepEqual(others, ["LICENSE", "README.md", "THIRD-PARTY-NOTICES.md", "jsr.json"]);
      for (const name of files) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await cp(join(root, name), join(folder, name));
      }
      return `${files.length} files`;
    },
  };

  yield {
    name: "those files alone, in Deno, type checked: the bits of Node",
    async body() {
      const entries = Object.entries(config.exports).map(([name, file]) => [
        `lanestep${name.slice(1)}`,
        pathToFileURL(join(folder, file)).href,
      ]);
      // Its one dependency, which would come from npm.
      const dependency = pathToFileURL(join(root, "node_modules/wildcard-match/build/index.es.mjs")).href;
      const imports = { ...Object.fromEntries(entries), "wildcard-match": dependency };
      await writeFile(join(folder, "deno.json"), JSON.stringify({ imports }));
      await writeFile(join(folder, "program.ts"), typed);
      await writeFile(join(project, "program.js"), PROGRAM);
      const options = ["--check", "--no-lock", "--no-remote", "--no-npm", "--config=deno.json", "--allow-all"];
      const there = await success([deno, "run", ...options, "program.ts"], { cwd: folder });
      const here = await success([process.execPath, "program.js"], { cwd: project });
      assert.match(there.stderr, /^Check .*program\.ts/m);
      assert.match(here.stdout, /"path":"linked"/);
      assert.equal(there.stdout, here.stdout);
    },
  };
}
