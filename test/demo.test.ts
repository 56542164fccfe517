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

/** All that must repeat: every line but the one that says how long it took. */
function repeatable(stdout: string): string[] {
  return stdout.split("\n").filter((line) => !line.startsWith("time: "));
}

describe("npm start", { timeout: 120_000 }, () => {
  it.each(OPTIMIZERS)("learns with %s: over 80 % of the held-out digits after two epochs", async (optimizer) => {
    const { code, stdout, stderr } = await demo("--epochs", "2", "--optimizer", optimizer);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(`${optimizer}, seed 1`);
    expect(accuracy(stdout)).toBeGreaterThan(80);
  });

  it("prints plain lines into a pipe, the time in the optimizer among them", async () => {
    const { stdout } = await demo("--epochs", "2");
    expect(stdout).not.toContain("\x1b");
    expect(stdout).not.toContain("\r");
    expect(
      stdout.match(/^epoch \d\/2 {2}loss \d+\.\d+ {2}rate \d\.\d+e-\d+ {2}gradient norm \d+\.\d+$/gm),
    ).toHaveLength(2);
    expect(stdout).toMatch(/^time: .*the optimizer took [\d.]+ s \([\d.]+ %\)/m);
  });

  it("repeats itself with the same seed, and only then", async () => {
    const first = await demo("--epochs", "1", "--seed", "7");
    const second = await demo("--epochs", "1", "--seed", "7");
    const other = await demo("--epochs", "1", "--seed", "8");
    expect(first.stdout).toMatch(/^epoch 1\/1 {2}loss/m);
    expect(repeatable(second.stdout)).toEqual(repeatable(first.stdout));
    expect(accuracy(other.stdout)).toBeGreaterThan(80);
    expect(repeatable(other.stdout)).not.toEqual(repeatable(first.stdout));
  });

  it("lists the optimizers with --help", async () => {
    const { code, stdout, stderr } = await demo("--help");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const optimizer of OPTIMIZERS) expect(stdout).toMatch(new RegExp(`^ +${optimizer} +[\\d.]+$`, "m"));
  });

  it("says that the loss diverged, and ends with 1", async () => {
    const { code, stderr } = await demo("--epochs", "1", "--optimizer", "sgd", "--rate", "1e30");
    expect(stderr).toMatch(/^The loss became \S+ in epoch 1\/1: try a lower --rate\.\n$/);
    expect(code).toBe(1);
  });

  it.each([
    [["--optimiser", "adam"], "There is no option --optimiser; --help lists the options."],
    [["-x"], "There is no option -x; --help lists the options."],
    [["lamb"], '"lamb" does not follow an option; did you mean --optimizer lamb?'],
    [["--optimizer", "Adam"], `--optimizer takes one of ${OPTIMIZERS.join(", ")}, not "Adam".`],
    [["--optimizer"], `--optimizer takes one of ${OPTIMIZERS.join(", ")}.`],
    [["--epochs", "0"], '--epochs takes a whole number from 1 to 1000, not "0".'],
    [["--batch", "8001"], '--batch takes a whole number from 1 to 8000, not "8001".'],
    [["--seed", "-1"], '--seed takes a whole number from 0 to 4294967295, not "-1".'],
    [["--seed"], "--seed takes a whole number from 0 to 4294967295."],
    [["--rate", "fast"], '--rate takes a number above 0, not "fast".'],
  ])("refuses %j in one sentence and ends with 2", async (args, message) => {
    expect(await demo(...args)).toEqual({ code: 2, stdout: "", stderr: `${message}\n` });
  });
});
