// The checks themselves stand in test/runtimes, where Deno and Bun run them too.

import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("lanestep/files does in Node what test/runtimes asks of it", async () => {
  const runtimes = fileURLToPath(new URL("runtimes", import.meta.url));
  const { filesIn } = await import(join(runtimes, "scripts/files-in.mjs"));
  const project = await mkdtemp(join(tmpdir(), "lanestep-project-"));
  for (const name of ["files.mjs", "writer.mjs"]) await cp(join(runtimes, "scripts", name), join(project, name));
  await mkdir(join(project, "node_modules"));
  await symlink(process.cwd(), join(project, "node_modules/lanestep"));
  let count = 0;
  for await (const { name, error } of filesIn([process.execPath], project)) {
    expect(error, name).toBe(undefined);
    count += 1;
  }
  expect(count).toBe(15);
  await rm(project, { recursive: true });
});

it("no other file of the package but the command imports a module of Node, or names its globals", () => {
  const files = readdirSync("dist").filter((name) => name.endsWith(".js"));
  const found = files.filter((name) =>
    /["']node:|\bprocess\b|\bBuffer\b|\brequire\b/.test(readFileSync(`dist/${name}`, "utf8")),
  );
  expect(found).toEqual(["cli.js", "files.js"]);
});
