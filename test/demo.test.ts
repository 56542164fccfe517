import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const OPTIMIZERS = [
  "adabelief",
  "adagrad",
  "adam",
  "adamw",
  "lamb",
  "noisySgd",
  "radam",
  "rmsprop",
  "sgd",
  "yogi",
] as const;

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the demo as a user would, on the built package, with its output in a pipe. */
function demo(...args: string[]): Promise<Result> {
  const main = fileURLToPath(new URL("../examples/digits/main.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

function accuracy(stdout: string): number {
  return Number(/^accuracy on 2,000 held-out digits: ([\d.]+) %/m.exec(stdout)?.[1]);
}

/** All that must repeat: every line but the two that say how long it took. */
function repeatable({ stdout }: Result): string[] {
  return stdout.split("\n").filter((line) => !/^(time|optimizer): /.test(line));
}

describe("npm start", () => {
  it.each(OPTIMIZERS)("learns with %s: over 85 % of the held-out digits after one epoch", async (optimizer) => {
    const { code, stdout, stderr } = await demo("--epochs", "1", "--optimizer", optimizer);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(`${optimizer}, seed 1`);
    expect(accuracy(stdout)).toBeGreaterThan(85);
    // In a pipe: plain lines.
    expect(stdout).toMatch(/^epoch 1\/1 {2}loss \d\.\d+ {2}rate \d\.\d+e-\d+ {2}gradient norm \d\.\d+$/m);
    expect(stdout).toMatch(/^optimizer: [\d.]+ s, [\d.]+ % of the training; /m);
    expect(stdout).not.toContain("\x1b");
    expect(stdout).not.toContain("\r");
  });

  it("repeats itself with the same seed, and only then", async () => {
    // The optimizer that draws random numbers too.
    const run = async (seed: string) =>
      repeatable(await demo("--epochs", "1", "--optimizer", "noisySgd", "--seed", seed));
    const [first, second, other] = await Promise.all([run("7"), run("7"), run("8")]);
    expect(first).toContainEqual(expect.stringMatching(/^accuracy on /));
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("lists the optimizers with --help", async () => {
    const { code, stdout, stderr } = await demo("--help");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const optimizer of OPTIMIZERS) expect(stdout).toMatch(new RegExp(`^ +${optimizer} +[\\d.]+$`, "m"));
  });

  it.each([
    [["--optimiser", "adam"], "Unknown option '--optimiser'"],
    [["lamb"], "Unexpected argument 'lamb'"],
    [["--seed"], "Option '--seed <value>' argument missing"],
    [["--optimizer", "Adam"], `--optimizer takes one of ${OPTIMIZERS.join(", ")}, not "Adam".`],
    [["--epochs", "0"], '--epochs takes a whole number from 1 to 1000, not "0".'],
    [["--batch", "8001"], '--batch takes a whole number from 1 to 8000, not "8001".'],
    [["--seed", "1.5"], '--seed takes a whole number from 0 to 4294967295, not "1.5".'],
    [["--rate", "fast"], '--rate takes a number above 0, not "fast".'],
    [["--optimizer", "sgd", "--rate", "1e30"], "The loss became NaN in epoch 1: try a lower --rate."],
  ])("ends with 1 and says what is wrong with %j", async (args, message) => {
    const { code, stderr } = await demo(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
  });
});
