// A server that learns from its requests which texts its user wants to see, and keeps what it has learnt in SQLite: it
// may be killed at any moment, and goes on from there with the same bits as without the stop.
//
//   npm ci                             in a clone of the repository; in a project of your own: bun add lanestep
//   cd examples/bun
//   bun server.ts
//   curl -d '{"id":"1","text":"Lunch on Friday?","wanted":true}' localhost:3000/feedback
//   curl 'localhost:3000/wanted?text=Lunch+today'
//   curl -O localhost:3000/model.safetensors
//
// On another port, with another file: PORT=3001 bun server.ts other.sqlite

import { createParams, predict, update, writeGradients } from "./model.ts";
import { isInUse, openStore } from "./store.ts";

const file = Bun.argv[2] ?? "wanted.sqlite";

async function open() {
  const store = openStore(file);
  const saved = store.read();
  // The tree says which parameters this model has: a checkpoint of others is refused.
  const optimizer = saved ? await update.restore(saved, createParams()) : await update.init(createParams());
  return { store, optimizer };
}

const { store, optimizer } = await open().catch((error: Error) => {
  const why = isInUse(error) ? "another server has it open" : error.message;
  console.error(`cannot go on from "${file}": ${why}`);
  process.exit(1);
});
const { params, grads } = optimizer;

interface Feedback {
  readonly id: string;
  readonly text: string;
  readonly wanted: boolean;
}

const isWellFormed = (id: unknown) => typeof id === "string" && !/\p{Cs}/u.test(id);

function isFeedback(value: unknown): value is Feedback {
  const { id, text, wanted } = (value ?? {}) as Partial<Feedback>;
  // SQLite keeps all lone surrogates as one character: ids that differ in them would be one.
  return isWellFormed(id) && typeof text === "string" && typeof wanted === "boolean";
}

const refusal = (message: string) => new Response(`${message}\n`, { status: 400 });

/** One step, and its checkpoint. Nothing is awaited in here, SQLite neither: no other request comes in between. */
function learn({ id, text, wanted }: Feedback) {
  // A client that got no answer sends its feedback once more.
  if (store.hasLearnt(id)) return;
  writeGradients(params, grads, text, wanted);
  optimizer.step();
  try {
    store.keep(id, optimizer.save());
  } catch (error) {
    // The model is a step ahead of what is kept. Started again, it is what is kept.
    console.error(`The step was not kept: ${(error as Error).message}`);
    process.exit(1);
  }
}

function listen() {
  try {
    return Bun.serve({
      hostname: "127.0.0.1",
      maxRequestBodySize: 1 << 16,
      routes: {
        "/feedback": {
          async POST(request) {
            const feedback = await request.json().catch(() => null);
            if (!isFeedback(feedback))
              return refusal('expected feedback such as {"id":"1","text":"Lunch?","wanted":true}');
            learn(feedback);
            return Response.json({ count: optimizer.count, wanted: predict(params, feedback.text) });
          },
        },
        "/wanted": {
          GET(request) {
            const text = new URL(request.url).searchParams.get("text");
            if (text === null) return refusal("expected a text, as in /wanted?text=Lunch");
            return Response.json({ count: optimizer.count, wanted: predict(params, text) });
          },
        },
        "/model.safetensors": { GET: () => new Response(optimizer.save()) },
      },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    console.error((error as Error).message);
    process.exit(1);
  }
}

const server = listen();
const { name, path } = optimizer.backend;
console.log(`listening on ${server.url}, backend ${name} (${path}), from step ${optimizer.count}`);
