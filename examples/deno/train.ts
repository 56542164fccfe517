// A Deno script that learns to tell penguins apart from a CSV file that it reads as a stream. It keeps a checkpoint on the
// disk, and goes on from it when it is started again: with the same bits as without the stop, however it was stopped.
//
//   npm ci                            in a clone of the repository; in a project of your own: deno add npm:lanestep
//   cd examples/deno
//   deno task train                   trains to step 400
//   deno task train penguins.csv 600  another file, or further: it goes on with what is in kept/
//
// In a project of your own, `deno task check` checks the types.
//
// The task's permissions are all it needs: to read this folder, and to write into kept/, where `writeFileAtomic` puts a
// new file beside the old one before it takes its place. WebAssembly needs none.

import { adamw, CheckpointError, chain, clipByGlobalNorm, TreeMismatchError } from "lanestep";
import { writeFileAtomic } from "lanestep/files";
import { createParams, lossAndGradients, probabilities } from "./model.ts";
import { batchesFrom, split, UserError } from "./penguins.ts";

const CHECKPOINT = "kept/penguins.safetensors";
const BATCH = 16;
const STEPS_A_CHECKPOINT = 50;

const update = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 0.02, decay: 1e-3 }));

async function readCheckpoint(): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await Deno.readFile(CHECKPOINT);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined; // the first start
    throw error;
  }
}

async function train([path = "penguins.csv", steps = "400"]: string[]) {
  const last = Number(steps);
  if (!Number.isInteger(last) || last < 1) throw new UserError(`The last step is "${steps}", expected a whole number.`);
  await Deno.mkdir("kept", { recursive: true });
  const saved = await readCheckpoint();
  // The tree says which parameters this model has: a checkpoint of others is refused.
  const optimizer = saved ? await update.restore(saved, createParams()) : await update.init(createParams());
  const { params, grads, backend } = optimizer;
  if (saved) console.log(`${CHECKPOINT}: ${optimizer.count} steps were made`);
  if (optimizer.count >= last) throw new UserError(`Nothing is left to do up to step ${last}.`);

  console.log(`backend ${backend.name} (${backend.path}), from step ${optimizer.count} to ${last}`);
  let loss = 0;
  let losses = 0;
  for await (const batch of batchesFrom(optimizer.count, path, BATCH)) {
    loss += lossAndGradients(params, grads, batch);
    losses++;
    optimizer.step();
    const { count } = optimizer;
    if (count % STEPS_A_CHECKPOINT === 0 || count === last) {
      await writeFileAtomic(CHECKPOINT, optimizer.saveChunks());
      console.log(`step ${count}: mean loss ${(loss / losses).toFixed(4)}, kept in ${CHECKPOINT}`);
      loss = losses = 0;
    }
    if (count === last) break;
  }

  let right = 0;
  let asked = 0;
  for await (const penguin of split(path, "held out")) {
    const likely = probabilities(params, penguin);
    if (likely.indexOf(Math.max(...likely)) === penguin.species) right++;
    asked++;
  }
  console.log(`${right} of ${asked} penguins that it had not seen named rightly`);
}

try {
  await train(Deno.args);
} catch (error) {
  const { message, cause } = error as Error;
  // Errors of the file system and of permissions say what they are about. `writeFileAtomic` has them as causes.
  const isUsers = [UserError, CheckpointError, TreeMismatchError, ...Object.values(Deno.errors)].some(
    (type) => error instanceof type || cause instanceof type,
  );
  if (!isUsers) throw error;
  console.error(message);
  Deno.exitCode = 1;
}
