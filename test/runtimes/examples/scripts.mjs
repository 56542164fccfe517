// @ts-check
// The checks of the examples that are scripts: of Deno, Bun and Node.

import assert from "node:assert/strict";
import { mkdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { bun, deno, installed } from "../installed.mjs";
import { output } from "../processes.mjs";
import { copyOf, refusal, startUntil } from "./processes.mjs";

/** @typedef {(project: string) => Promise<void>} Body */

const NODE = process.execPath;

/** As its task says it, with its permissions: the task itself is a process around this one, which a kill would leave. */
async function denoCommand(/** @type {string} */ folder) {
  const { tasks } = JSON.parse(await readFile(join(folder, "deno.json"), "utf8"));
  const [, ...args] = tasks.train.split(" ");
  return (/** @type {string[]} */ ...own) => /** @type {const} */ ([deno, ...args, ...own]);
}

/** @type {Record<string, Body>} */
export const inDeno = {
  async "its types, by its task"(project) {
    await output([deno, "task", "check"], { cwd: await copyOf(project, "deno") });
  },

  async "70 steps, a restart and 70 more are 140 steps, bit for bit; and it has learnt"(project) {
    const [stopped, whole] = [await copyOf(project, "deno"), await copyOf(project, "deno")];
    const task = /** @type {const} */ ([deno, "task", "train", "penguins.csv"]);
    await output([...task, "70"], { cwd: stopped });
    assert.match(await output([...task, "140"], { cwd: stopped }), /^backend wasm \(linked\), from step 70 to 140$/m);
    const said = await output([...task, "140"], { cwd: whole });
    const [, right, asked] = /^(\d+) of (\d+) penguins/m.exec(said) ?? [];
    assert.ok(Number(right) / Number(asked) > 0.9, said);
    const kept = "kept/penguins.safetensors";
    assert.deepEqual(await readFile(join(stopped, kept)), await readFile(join(whole, kept)));
  },

  async "killed in the middle, it goes on to the same bits"(project) {
    const [killed, whole] = [await copyOf(project, "deno"), await copyOf(project, "deno")];
    const command = await denoCommand(killed);
    const { end, lines } = await startUntil(killed, command("penguins.csv", "100000"), /^step 150:/);
    await end("SIGKILL");
    // What is kept may be one checkpoint further than what was said.
    const last = `${Number(/^step (\d+)/.exec(lines.at(-1) ?? "")?.[1]) + 100}`;
    for (const folder of [killed, whole]) await output(command("penguins.csv", last), { cwd: folder });
    const kept = "kept/penguins.safetensors";
    assert.deepEqual(await readFile(join(killed, kept)), await readFile(join(whole, kept)));
  },

  async "says what is wrong with its input"(project) {
    const folder = await copyOf(project, "deno");
    const command = await denoCommand(folder);
    await writeFile(join(folder, "other.csv"), "species,year\nAdelie,2007\n");
    const penguins = await readFile(join(folder, "penguins.csv"), "utf8");
    await writeFile(join(folder, "word.csv"), penguins.replace(/^(.*\n.*\n\w+,\w+,)[^,]+/, "$1long"));
    await refusal(folder, command("none.csv"), /^No such file .*none\.csv/);
    await refusal(folder, command("other.csv"), /^other\.csv has no column bill_length_mm, /);
    await refusal(folder, command("word.csv"), /^word\.csv, line 3: bill_length_mm is "long", expected a number or NA/);
    await refusal(folder, command("penguins.csv", "many"), /^The last step is "many"/);
    await refusal(folder, command(project), /^Requires read access to /);
    await mkdir(join(folder, "folder"));
    await refusal(folder, command("folder"), /^folder is a folder, expected a CSV file/);
    await output(command("penguins.csv", "50"), { cwd: folder });
    await truncate(join(folder, "kept/penguins.safetensors"), 200);
    await refusal(folder, command(), /is it cut off\?/);
  },

  async "says what is in the way of what it keeps"(project) {
    const folder = await copyOf(project, "deno");
    const [command, kept] = [await denoCommand(folder), join(folder, "kept")];
    const fails = async (/** @type {RegExp} */ sentence) => {
      await refusal(folder, command("penguins.csv", "50"), sentence);
      await rm(kept, { recursive: true });
    };
    await writeFile(kept, "");
    await fails(/^File exists .*mkdir 'kept'/);
    await symlink("nowhere", kept);
    await fails(/^File exists .*mkdir 'kept'/);
    await symlink(project, kept);
    await fails(/^cannot write ".*kept.penguins\.safetensors": Requires read access to /);
    await mkdir(join(kept, "penguins.safetensors"), { recursive: true });
    await fails(/^Is a directory .*readfile 'kept.penguins\.safetensors'/);
  },
};

/** @param {string} folder @param {string} file */
async function serveBun(folder, file) {
  const server = await startUntil(folder, [bun, "server.ts", file], /^listening on (\S+), (.*)$/, { PORT: "0" });
  const [, origin, state] = server.found;
  return {
    origin,
    state,
    end: () => server.end("SIGKILL"),
    /** @param {string} path @param {unknown} [body] */
    ask: (path, body) =>
      fetch(`${origin}${path}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    /** @param {number} from @param {number} to */
    async teach(from, to) {
      for (let id = from; id < to; id++) {
        const wanted = id % 3 > 0;
        const text = `${wanted ? "Lunch" : "Prize"} number ${id % 7}, ${wanted ? "with friends" : "for a winner"}`;
        const answer = await this.ask("feedback", { id: String(id), text, wanted });
        assert.equal((await answer.json()).count, id + 1);
      }
    },
    model: async () => Buffer.from(await (await fetch(`${origin}model.safetensors`)).arrayBuffer()),
  };
}

/** @type {Record<string, Body>} */
export const inBun = {
  async "its types"(project) {
    const types = installed("@types");
    const tsc = fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url));
    await output([NODE, tsc, "-p", ".", "--typeRoots", types], { cwd: await copyOf(project, "bun") });
  },

  async "50 requests, a kill and 50 more are 100 requests, bit for bit; and it has learnt"(project) {
    const folder = await copyOf(project, "bun");
    const first = await serveBun(folder, "stopped.sqlite");
    await first.teach(0, 50);
    await first.end();
    const [second, whole] = [await serveBun(folder, "stopped.sqlite"), await serveBun(folder, "whole.sqlite")];
    try {
      assert.equal(second.state, "backend wasm (linked), from step 50");
      await second.teach(50, 100);
      await whole.teach(0, 100);
      assert.deepEqual(await second.model(), await whole.model());
      const wanted = async (/** @type {string} */ text) =>
        (await (await second.ask(`wanted?text=${text}`)).json()).wanted;
      assert.ok((await wanted("lunch")) > 0.6 && (await wanted("winner")) < 0.4);
    } finally {
      await Promise.all([second.end(), whole.end()]);
    }
  },

  async "100 requests at once are 100 steps, and those sent twice none more, after a kill too"(project) {
    const folder = await copyOf(project, "bun");
    const feedback = Array.from({ length: 100 }, (_, i) => ({ id: `id ${i}`, text: `word ${i}`, wanted: i % 2 > 0 }));
    const first = await serveBun(folder, "once.sqlite");
    const teach = (/** @type {typeof first} */ server) =>
      Promise.all(feedback.map(async (each) => (await (await server.ask("feedback", each)).json()).count));
    const counts = await teach(first);
    await first.end();
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    const second = await serveBun(folder, "once.sqlite");
    try {
      assert.deepEqual(new Set(await teach(second)), new Set([100]));
    } finally {
      await second.end();
    }
  },

  async "says what is wrong with a request, and with its file"(project) {
    const folder = await copyOf(project, "bun");
    const server = await serveBun(folder, "open.sqlite");
    try {
      const said = { text: "Lunch?", wanted: true };
      const ids = [1, "\ud800", "a\udc00"].map((id) => ({ id, ...said }));
      for (const body of [null, "text", { id: "1", text: "Lunch?" }, ...ids]) {
        const answer = await server.ask("feedback", body);
        assert.deepEqual([answer.status, (await answer.text()).slice(0, 22)], [400, "expected feedback such"]);
      }
      assert.equal((await server.ask("wanted")).status, 400);
      assert.equal((await (await server.ask("wanted?text=Lunch")).json()).count, 0);
      for (const [i, id] of ["\ufffd", "\u{1f600}"].entries()) {
        assert.equal((await (await server.ask("feedback", { id, ...said })).json()).count, i + 1);
      }
      await refusal(
        folder,
        [bun, "server.ts", "open.sqlite"],
        /^cannot go on from "open\.sqlite": another server has it open$/m,
      );
      const { port } = new URL(server.origin);
      await refusal(folder, [bun, "server.ts", "other.sqlite"], /^Failed to start .* port \d+ in use\?$/m, {
        PORT: port,
      });
      await refusal(folder, [bun, "server.ts", "model.ts"], /^cannot go on from "model\.ts": file is not a database$/m);
    } finally {
      await server.end();
    }
  },
};

/** @type {Record<string, Body>} */
export const inNode = {
  async "Ctrl-C and another start come to the bits of a run without; and it has learnt"(project) {
    const folder = await copyOf(project, "node-stream");
    /** @param {number} passes @param {string} name */
    const command = (passes, name) =>
      /** @type {const} */ ([NODE, "main.js", "--passes", String(passes), "--checkpoint", name]);
    const { end, lines } = await startUntil(folder, command(1_000_000, "stopped"), /^pass 3, /);
    assert.equal(await end("SIGINT"), 130);
    const stopped = /^stopped in pass (\d+), after batch \d+, kept in stopped; start again to go on$/;
    const passes = Number(stopped.exec(lines.at(-1) ?? "")?.[1]) + 3;
    assert.match(
      await output(command(passes, "stopped"), { cwd: folder }),
      /^backend wasm \(linked\), from pass [1-9]/m,
    );
    const said = await output(command(passes, "whole"), { cwd: folder });
    const [, right, asked] = /^(\d+) of (\d+) digits/m.exec(said) ?? [];
    assert.ok(Number(right) / Number(asked) > 0.85, said);
    assert.deepEqual(await readFile(join(folder, "stopped")), await readFile(join(folder, "whole")));
  },

  async "a stop in the middle of a step: a pass and another start come to the bits of two passes"(project) {
    const folder = await copyOf(project, "node-stream");
    const train = (/** @type {string} */ passes, /** @type {string} */ name) =>
      output([NODE, "main.js", "--passes", passes, "--checkpoint", name], { cwd: folder });
    // A pass is 93 batches, a step four.
    assert.match(await train("1", "stopped"), /^passes: 1, steps: 23,/m);
    await train("2", "stopped");
    assert.match(await train("2", "whole"), /^passes: 2, steps: 46,/m);
    assert.deepEqual(await readFile(join(folder, "stopped")), await readFile(join(folder, "whole")));
  },

  async "reads no further than it learns, from a source without end"(project) {
    const folder = await copyOf(project, "node-stream");
    const { digitsOf, only, inBatches } = await import(pathToFileURL(join(folder, "stream.js")).href);
    const line = Buffer.from(`${Array(64).fill(3).join()},7\n`);
    let read = 0;
    let closed = false;
    async function* source() {
      try {
        for (; ; read++) yield line;
      } finally {
        closed = true;
      }
    }
    let learnt = 0;
    await pipeline(
      Readable.from(source()),
      digitsOf,
      only("training"),
      inBatches(16, 0),
      async (/** @type {any} */ batches) => {
        for await (const batch of batches) {
          learnt += batch.length;
          assert.ok(read - learnt < 64, `${read} lines are read when ${learnt} are learnt`);
          if (learnt === 320) return;
          await new Promise(setImmediate); // time for who would read ahead
        }
      },
    );
    assert.ok(closed);
  },

  async "says what is wrong with its input"(project) {
    const folder = await copyOf(project, "node-stream");
    const data = await readFile(join(folder, "digits.csv.gz"));
    await writeFile(join(folder, "cut.gz"), data.subarray(0, 5000));
    await writeFile(join(folder, "other.gz"), gzipSync("a,b,c\n1,2,3\n"));
    await writeFile(join(folder, "empty.gz"), gzipSync(""));
    /** @param {RegExp} sentence @param {string[]} args */
    const refuses = (sentence, ...args) => refusal(folder, [NODE, "main.js", ...args], sentence);
    await refuses(/^ENOENT: .*none\.gz/, "--data", "none.gz");
    await refuses(/^unexpected end of file/, "--data", "cut.gz");
    await refuses(/^incorrect header check/, "--data", "main.js");
    await refuses(/^line 1: expected 64 pixels from 0 to 16 and a label/, "--data", "other.gz");
    await refuses(/^empty\.gz has too few digits/, "--data", "empty.gz");
    await refuses(/^--passes takes a whole number, not "many"/, "--passes", "many");
    await refuses(/^Unknown option '--pases'/, "--pases", "3");
    for (const empty of ["", " "]) {
      const [pixels, rest] = [Array(64).fill(0).join(), Array(63).fill(0).join()];
      await writeFile(join(folder, "pixel.gz"), gzipSync(`${pixels},1\n${empty},${rest},1\n`));
      await refuses(/^line 2: expected 64 pixels from 0 to 16 and a label/, "--data", "pixel.gz");
      await writeFile(join(folder, "label.gz"), gzipSync(`${pixels},1\n${pixels},${empty}\n`));
      await refuses(/^line 2: the label is NaN, expected a digit/, "--data", "label.gz");
    }
  },

  async "says what is wrong with its checkpoint, before it trains"(project) {
    const folder = await copyOf(project, "node-stream");
    /** @param {string} checkpoint @param {RegExp} sentence */
    const refuses = async (checkpoint, sentence) => {
      // There is no data: what would train says that.
      const args = ["main.js", "--data", "none.gz", "--checkpoint", checkpoint];
      await refusal(folder, [NODE, ...args], sentence);
    };
    for (const none of ["", "new/"]) await refuses(none, new RegExp(`^--checkpoint takes a file, not "${none}"`));
    await refuses("none/new", /^cannot keep "none\/new": ENOENT: .*'none'$/m);
    /** @param {string} checkpoint @param {string} why */
    const cannotGoOn = (checkpoint, why) =>
      refuses(
        checkpoint,
        new RegExp(`^cannot go on from "${checkpoint}": ${why}; move it away, or give --checkpoint another file$`, "m"),
      );
    await cannotGoOn(".", "EISDIR: .*");
    await cannotGoOn("main.js", "the first 8 bytes promise .*");
    await output([NODE, "main.js", "--passes", "1", "--checkpoint", "kept"], { cwd: folder });
    const kept = await readFile(join(folder, "kept"), "latin1");
    for (const [name, value] of Object.entries({ pass: "1", batch: "0" })) {
      for (const other of ["x", "-", " "]) {
        const changed = kept.replace(`"${name}":"${value}"`, `"${name}":"${other}"`);
        assert.notEqual(changed, kept);
        await writeFile(join(folder, "changed"), changed, "latin1");
        await cannotGoOn("changed", `its ${name} is "${other}", expected a whole number`);
      }
    }
  },
};
