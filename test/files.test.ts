// The checks themselves stand in test/runtimes, where Deno and Bun run them too.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("lanestep/files does in Node what test/runtimes asks of it", async () => {
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["test/runtimes/run.mjs", "node"], (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  expect(output).toMatch(/^node: (\d+) of \1 checks\n\1 passed, 0 failed\n$/);
});

it("no other file of the package but the command imports a module of Node, or names its globals", () => {
  const files = readdirSync("dist").filter((name) => name.endsWith(".js"));
  const found = files.filter((name) =>
    /["']node:|\bprocess\b|\bBuffer\b|\brequire\b/.test(readFileSync(`dist/${name}`, "utf8")),
  );
  expect(found).toEqual(["cli.js", "files.js"]);
});
