import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../examples/jax/main.js", import.meta.url));

/** Runs the example as a user would, on the built package. */
const run = (...args: string[]) =>
  new Promise<{ code: number | null; printed: string; errors: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args]);
    const [printed, errors] = [[] as string[], [] as string[]];
    child.stdout.on("data", (chunk) => printed.push(String(chunk)));
    child.stderr.on("data", (chunk) => errors.push(String(chunk)));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, printed: printed.join(""), errors: errors.join("") }));
  });

it("examples/jax learns: from a tenth of the held-out digits to nine tenths in three epochs", async () => {
  const { code, printed, errors } = await run("--epochs", "3");
  expect([code, errors]).toEqual([0, ""]);
  const part = (pattern: RegExp) => Number(printed.match(pattern)?.[1]);
  expect(part(/^before: ([\d.]+) % of 2000 held-out/m)).toBeLessThan(25);
  expect(part(/^after: ([\d.]+) % right/m)).toBeGreaterThan(90);
  const losses = Array.from(printed.matchAll(/^epoch \d: loss ([\d.]+), /gm), ([, loss]) => Number(loss));
  expect(losses).toEqual([...losses].sort((a, b) => b - a));
  expect(losses.length).toBe(3);
});

it("examples/jax refuses what it does not know", async () => {
  const { code, errors } = await run("--epochs", "many");
  expect(code).toBe(1);
  expect(errors).toBe('--epochs is "many", expected a whole number from 1 to 999999\n');
});
