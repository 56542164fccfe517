import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { adamw } from "lanestep";
import { readMetadata } from "lanestep/safetensors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as optimizers from "../src/optimizers.ts";

/** By the order of names. */
const OPTIMIZERS = Object.keys(optimizers).sort();

const MAIN = fileURLToPath(new URL("../examples/digits/main.js", import.meta.url));

interface Result {
  /** The exit code, or the signal that ended the process. */
  code: number | string;
  stdout: string;
  stderr: string;
}

interface Conditions {
  cwd?: string;
  /** Ctrl-C is pressed, again and again, once these words were printed. */
  interruptAfter?: RegExp;
}

/** Runs the demo as a user would, on the built package, with its output in a pipe. */
function run(args: readonly string[], { cwd = folder, interruptAfter }: Conditions = {}): Promise<Result> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const child = execFile(process.execPath, [MAIN, ...args], { cwd }, (error, stdout, stderr) => {
      clearInterval(timer);
      resolve({ code: error === null ? 0 : (error.signal ?? error.code ?? "none"), stdout, stderr });
    });
    let printed = "";
    child.stdout?.on("data", (chunk) => {
      printed += chunk;
      if (timer === undefined && interruptAfter?.test(printed)) timer = setInterval(() => child.kill("SIGINT"), 1);
    });
  });
}

const demo = (...args: string[]): Promise<Result> => run(args);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lanestep-demo-"));
});
afterAll(() => rm(folder, { recursive: true }));

function accuracy(stdout: string): number {
  return Number(/^accuracy on 2,000 held-out digits: ([\d.]+) %/m.exec(stdout)?.[1]);
}

/** All that must repeat: every line but the two that say how long it took. */
function repeatable({ stdout }: Result): string[] {
  return stdout.split("\n").filter((line) => !/^(time|optimizer): /.test(line));
}

describe.concurrent("npm start", () => {
  it.each(OPTIMIZERS)("learns with %s: over 85 % of the held-out digits after one epoch", async (optimizer) => {
    const cwd = await mkdtemp(join(folder, optimizer));
    const { code, stdout, stderr } = await run(["--epochs", "1", "--optimizer", optimizer], { cwd });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toContain(`${optimizer}, seed 1`);
    expect(accuracy(stdout)).toBeGreaterThan(85);
    // In a pipe: plain lines.
    expect(stdout).toMatch(/^epoch 1\/1 {2}loss \d\.\d+ {2}rate \d\.\d+e-\d+ {2}gradient norm \d\.\d+$/m);
    expect(stdout).toMatch(/^optimizer: [\d.]+ s, [\d.]+ % of the training; /m);
    expect(stdout).not.toContain("\x1b");
    expect(stdout).not.toContain("\r");
    // No file without being asked to.
    expect(await readdir(cwd)).toEqual([]);
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

  it("lists the optimizers and options with --help", async () => {
    const { code, stdout, stderr } = await demo("--help");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const option of ["optimizer", "rate", "epochs", "batch", "seed", "save", "resume", "help"]) {
      expect(stdout).toMatch(new RegExp(`^  --${option}\\b`, "m"));
    }
    expect(stdout).toContain("digits.safetensors");
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

describe.concurrent("Ctrl-C, and the command that it prints", () => {
  const STEPS = 32;
  const POINTS = [/, seed /, /^epoch 1\/2/m];

  it.each([
    {
      name: "adamw",
      options: [],
      file: "digits.safetensors",
      printed: "--resume digits.safetensors",
      saved: "--optimizer adamw --rate 0.003 --epochs 2 --batch 500 --seed 1",
    },
    {
      name: "noisySgd",
      options: ["--optimizer", "noisySgd", "--seed", "3", "--save", "the run.safetensors"],
      file: "the run.safetensors",
      printed: '--resume "the run.safetensors" --save "the run.safetensors"',
      saved: "--optimizer noisySgd --rate 1 --epochs 2 --batch 500 --seed 3",
    },
  ])("lead to the same bits as a run without it: $name", async ({ options, file, printed, saved }) => {
    const saving = options.includes("--save") ? [] : ["--save", file];
    const first = ["--epochs", "2", "--batch", "500", ...options];
    const [whole, parts] = await Promise.all(
      ["whole", "parts"].map((name) => mkdtemp(join(folder, name))) as [Promise<string>, Promise<string>],
    );
    const uninterrupted = run([...first, ...saving], { cwd: whole });

    let args = first;
    const stops: number[] = [];
    for (const interruptAfter of POINTS) {
      const { code, stdout, stderr } = await run(args, { cwd: parts, interruptAfter });
      expect(stderr).toBe("");
      // One that comes when all is done, as Node is leaving, ends it at once.
      expect([130, "SIGINT"]).toContain(code);
      // The file whole, and no other beside it.
      expect(await readdir(parts)).toEqual([file]);
      const [, step, command] = /^stopped after step (\d+) of 32, .*\n {2}npm start -- (.*)\n$/m.exec(stdout) ?? [];
      expect(command).toBe(printed);
      stops.push(Number(step));
      args = printed.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
    }
    expect(stops).toEqual([...new Set(stops)].sort((a, b) => a - b));
    expect(stops.every((step) => step > 0 && step < STEPS)).toBe(true);

    const last = await run([...args, ...saving], { cwd: parts });
    expect(last.stdout).toContain(`${file} has made ${stops.at(-1)} of 32 steps`);
    const expected = await uninterrupted;
    expect([last.code, expected.code]).toEqual([0, 0]);
    const results = (result: Result) => repeatable(result).filter((line) => /^(accuracy|held-out)/.test(line));
    expect(results(last)).toEqual(results(expected));
    // Parameters, state, counts and options.
    const [resumed, straight] = await Promise.all([parts, whole].map((at) => readFile(join(at, file))));
    expect(resumed!.equals(straight!)).toBe(true);
    expect(readMetadata(resumed!).run).toBe(saved);
  });
});

describe.concurrent("Ctrl-C without --save and --resume", () => {
  it("takes the first free name, and loses no file", async () => {
    const cwd = await mkdtemp(join(folder, "free"));
    const interrupted = (...args: string[]) => run(args, { cwd, interruptAfter: /, seed / });
    const others = ["digits.safetensors", "digits-2.safetensors", "digits-4.safetensors"];
    for (const name of others) await writeFile(join(cwd, name), `of another run: ${name}`);
    for (const free of ["digits-3.safetensors", "digits-5.safetensors"]) {
      const { stdout } = await interrupted();
      expect(stdout).toContain(`saved in ${free}; to go on:\n  npm start -- --resume ${free}\n`);
    }
    const [first, second] = ["digits-3.safetensors", "digits-5.safetensors"].map((name) => join(cwd, name));
    const before = await Promise.all([first, second].map((file) => readFile(file!)));
    // One that is named is written again.
    const { stdout } = await interrupted("--resume", "digits-3.safetensors");
    expect(stdout).toContain("saved in digits-3.safetensors; to go on:");
    expect((await readFile(first!)).equals(before[0]!)).toBe(false);
    expect((await readFile(second!)).equals(before[1]!)).toBe(true);
    for (const name of others) expect(await readFile(join(cwd, name), "utf8")).toBe(`of another run: ${name}`);
    expect((await readdir(cwd)).length).toBe(5);
  });
});

describe.concurrent("--resume", () => {
  const at = (name: string): string => join(folder, name);
  const RUN = "--optimizer adamw --rate 0.003 --epochs 1 --batch 8000 --seed 1";
  beforeAll(async () => {
    await demo("--epochs", "1", "--batch", "8000", "--save", at("done"));
    const bytes = await readFile(at("done"));
    await writeFile(at("short"), bytes.subarray(0, -1));
    await writeFile(at("text"), "It is no checkpoint, though it could be a letter.");
    const other = await adamw().init({ w: Float32Array.of(1) });
    await writeFile(at("other program's"), other.save());
    await writeFile(at("other model's"), other.save({ metadata: { run: RUN } }));
    await writeFile(at("no epochs"), other.save({ metadata: { run: RUN.replace("--epochs 1 ", "") } }));
    await writeFile(at("no optimizer"), other.save({ metadata: { run: RUN.replace("adamw", "adamv") } }));
    await writeFile(at("no run"), other.save({ metadata: { run: "forest run" } }));
  });

  it.each([
    ["absent", [], "no such file"],
    [".", [], "illegal operation on a directory"],
    ["short", [], "is it cut off?"],
    ["text", [], "is it a safetensors file?"],
    ["other program's", [], 'this demo did not save it: its metadata lacks "run".'],
    ["other model's", [], '"params/0/kernel"'],
    ["no epochs", [], '"--optimizer adamw --rate 0.003 --batch 8000 --seed 1", which are not all options'],
    ["no optimizer", [], "which are not all options of a run."],
    ["no run", [], 'its metadata "run" is "forest run", which are not all options of a run.'],
    ["done", ["--optimizer", "sgd"], "a run with --optimizer adamw, which cannot go on with --optimizer sgd"],
    ["done", ["--rate", "0.01"], "a run with --rate 0.003, which cannot go on with --rate 0.01"],
    ["done", ["--epochs", "2"], "a run with --epochs 1, which cannot go on with --epochs 2"],
    ["done", ["--batch", "64"], "a run with --batch 8000, which cannot go on with --batch 64"],
    ["done", ["--seed", "2"], "a run with --seed 1, which cannot go on with --seed 2"],
    ["done", [], "has made 1 of 1 steps: nothing is left to do."],
    ["done", RUN.replace("0.003", "3e-3").split(" "), "has made 1 of 1 steps: nothing is left to do."],
  ])("ends with 1 and one sentence for the file %j with %j", async (file, options, message) => {
    const { code, stdout, stderr } = await demo("--resume", at(file), ...options);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(at(file));
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  it.each([
    [join("absent", "file"), "no such file"],
    [".", "is a folder."],
  ])("says before the training that --save cannot write %j", async (file, message) => {
    const { code, stdout, stderr } = await demo("--save", at(file));
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
  });
});
