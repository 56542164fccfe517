// publint and "Are the types wrong?", of the tarball.

import { readFile } from "node:fs/promises";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { output } from "../runtimes/processes.mjs";
import { here } from "./places.mjs";

/** @param {import("./run.mjs").Context} context @returns {import("./run.mjs").Check[]} */
export const lint = ({ tarball, project }) => [
  {
    name: "publint has nothing to say, not even a suggestion",
    async body() {
      const { buffer } = new Uint8Array(await readFile(tarball));
      const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
      if (messages.length > 0) throw new Error(messages.map((message) => formatMessage(message, pkg)).join("\n"));
    },
  },
  {
    name: "attw: every entry resolves to its types, as an ES module",
    async body() {
      const attw = here("node_modules/@arethetypeswrong/cli/dist/index.js");
      // No CommonJS, and no resolution of before there were exports.
      await output([process.execPath, attw, tarball, "--profile", "esm-only", "--format", "ascii"], { cwd: project });
    },
  },
];
