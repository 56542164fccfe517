// @ts-check
// Trains on a stream of batches: a gzipped CSV file is read, unpacked, parsed and learnt from piece by piece, so that it
// may be larger than memory. Four batches make a step. Ctrl-C stops between two batches and keeps a checkpoint, from which
// the next start goes on, in the middle of a step too: with the same bits as without the stop.
//
//   npm ci                           in a clone of the repository; in a project of your own: npm i lanestep
//   node examples/node-stream/main.js
//   node examples/node-stream/main.js --passes 40 --data FILE.csv.gz --checkpoint stream.safetensors

import { constants, createReadStream } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createGunzip } from "node:zlib";
import { accumulate, adamw, CheckpointError, chain, clipByGlobalNorm, TreeMismatchError } from "lanestep";
import { writeFileAtomic } from "lanestep/files";
import { createParams, lossAndGradients, probabilities } from "./model.js";
import { digitsOf, inBatches, only, UserError } from "./stream.js";

const BATCH = 16;
const BATCHES_A_REPORT = 50;
/** As shells have it for what Ctrl-C ended. */
const INTERRUPTED = 130;

const update = accumulate(chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 0.01, decay: 0.01 })), {
  every: 4,
});

/**
 * The optimizer, and where in the data it stands: what the optimizer does not know, its checkpoint carries.
 * @param {string} checkpoint
 */
async function open(checkpoint) {
  // Whether it can be kept shows before the first pass, not after it.
  if (/(^|[\\/])$/.test(checkpoint)) throw new UserError(`--checkpoint takes a file, not "${checkpoint}".`);
  await access(dirname(checkpoint), constants.W_OK).catch((error) => {
    throw new UserError(`cannot keep "${checkpoint}": ${error.message}`);
  });
  try {
    const saved = await readFile(checkpoint).catch(unlessAbsent);
    // The tree says which parameters this model has: a checkpoint of others is refused.
    const optimizer = saved ? await update.restore(saved, createParams()) : await update.init(createParams());
    const { pass = "0", batch = "0" } = optimizer.carried?.metadata ?? {};
    return { optimizer, at: { pass: place("pass", pass), batch: place("batch", batch) } };
  } catch (/** @type {any} */ error) {
    if (!isUsers(error)) throw error;
    const way = "move it away, or give --checkpoint another file";
    throw new UserError(`cannot go on from "${checkpoint}": ${error.message}; ${way}`);
  }
}

/** @param {string} name @param {string} value */
function place(name, value) {
  if (!/^\d{1,15}$/.test(value)) throw new UserError(`its ${name} is "${value}", expected a whole number`);
  return Number(value);
}

async function train() {
  const { values } = parseArgs({
    options: {
      passes: { type: "string", default: "20" },
      data: { type: "string", default: fileURLToPath(new URL("digits.csv.gz", import.meta.url)) },
      checkpoint: { type: "string", default: "stream.safetensors" },
    },
  });
  const { data, checkpoint } = values;
  const passes = Number(values.passes);
  if (!Number.isInteger(passes) || passes < 1)
    throw new UserError(`--passes takes a whole number, not "${values.passes}".`);

  const { optimizer, at } = await open(checkpoint);
  const { params, grads, backend } = optimizer;
  const keep = () =>
    writeFileAtomic(checkpoint, optimizer.saveChunks({ metadata: { pass: String(at.pass), batch: String(at.batch) } }));
  console.log(`backend ${backend.name} (${backend.path}), from pass ${at.pass}, batch ${at.batch}`);

  /** @type {number[]} */
  let losses = [];
  const stop = new AbortController();
  process.on("SIGINT", () => stop.abort()); // however often: the checkpoint is written to its end
  try {
    while (at.pass < passes) {
      await pipeline(
        createReadStream(data),
        createGunzip(),
        digitsOf,
        only("training"),
        inBatches(BATCH, at.batch),
        // The pipeline's end asks for a batch when it is done with the one before: nothing piles up.
        async (/** @type {AsyncIterable<import("./stream.js").Digit[]>} */ batches) => {
          for await (const batch of batches) {
            losses.push(lossAndGradients(params, grads, batch));
            optimizer.step(); // whether parameters change now, `accumulate` knows
            at.batch++;
            if (losses.length < BATCHES_A_REPORT) continue;
            const loss = losses.reduce((sum, each) => sum + each) / losses.length;
            console.log(
              `pass ${at.pass + 1}, batch ${at.batch}: mean loss ${loss.toFixed(4)}, ${optimizer.count} steps`,
            );
            losses = [];
          }
        },
        { signal: stop.signal },
      );
      if (at.batch === 0) throw new UserError(`${data} has too few digits: a batch takes ${BATCH}.`);
      at.pass++;
      at.batch = 0;
      await keep();
    }
  } catch (error) {
    // The pipeline is over when its last stage is: no step is made any more.
    if (!stop.signal.aborted) throw error;
  }
  if (stop.signal.aborted) {
    await keep();
    console.log(`stopped in pass ${at.pass + 1}, after batch ${at.batch}, kept in ${checkpoint}; start again to go on`);
    process.exitCode = INTERRUPTED;
    return;
  }

  const answers = { right: 0, count: 0 };
  await pipeline(createReadStream(data), createGunzip(), digitsOf, only("held out"), async (digits) => {
    for await (const { pixels, label } of digits) {
      const likely = probabilities(params, pixels);
      if (likely.indexOf(Math.max(...likely)) === label) answers.right++;
      answers.count++;
    }
  });
  console.log(`passes: ${passes}, steps: ${optimizer.count}, kept in ${checkpoint}`);
  console.log(`${answers.right} of ${answers.count} digits that it had not seen read rightly`);
}

/** @param {NodeJS.ErrnoException} error */
function unlessAbsent(error) {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}

/** Errors of the file system and of zlib have a code, and a message that says what they are about. @param {Error} error */
const isUsers = (error) =>
  "code" in error || [UserError, CheckpointError, TreeMismatchError].some((type) => error instanceof type);

try {
  await train();
} catch (/** @type {any} */ error) {
  if (!isUsers(error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
