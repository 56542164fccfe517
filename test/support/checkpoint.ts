// Checkpoints taken apart, changed and put together again; and what "nothing has changed" means.

import { expect } from "vitest";
import type { Optimizer, Update } from "../../src/index.ts";
import { numbers, written } from "./checkpoint-chains.js";

/** What stands in a checkpoint's metadata as JSON. */
export interface Metadata {
  // biome-ignore lint/suspicious/noExplicitAny: tests change it in ways that its types forbid.
  chain: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  host: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  tree: any;
}

export const PARTS = ["chain", "host", "tree"] as const;

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }> & {
  __metadata__: Record<string, string>;
};

export function headerOf(file: Uint8Array): { header: Header; data: Uint8Array } {
  const end = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return { header: JSON.parse(new TextDecoder().decode(file.subarray(8, end))), data: file.subarray(end) };
}

export function withHeader(header: object, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

export function metadataOf(file: Uint8Array): Metadata {
  const { __metadata__: texts } = headerOf(file).header;
  return Object.fromEntries(PARTS.map((part) => [part, JSON.parse(texts[part]!)])) as unknown as Metadata;
}

/** A file with other metadata; `change` may also return JSON texts in the place of parts. */
export function edited(
  file: Uint8Array,
  change: (metadata: Metadata, header: Header) => unknown,
): Uint8Array<ArrayBuffer> {
  const { header, data } = headerOf(file);
  const metadata = metadataOf(file);
  const texts = (change(metadata, header) ?? {}) as Partial<Record<(typeof PARTS)[number], string>>;
  for (const part of PARTS) {
    if (header.__metadata__) header.__metadata__[part] = texts[part] ?? JSON.stringify(metadata[part]);
  }
  return withHeader(header, data);
}

/** Everything that an optimizer holds: parameters, state, counts, options, memories, gradients. */
export const everythingIn = (optimizer: Optimizer<never>): string =>
  written([optimizer.save(), optimizer.grads, optimizer.params, optimizer.carried]);

type ErrorClass = new (message?: string) => Error;

/** Asserts that a promise is refused with an error of this very class and message. */
export async function expectRejection(
  action: () => Promise<unknown>,
  errorClass: ErrorClass,
  message: string | RegExp,
): Promise<void> {
  const thrown = await action().then(
    () => "nothing was thrown",
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(errorClass);
  expect((thrown as Error).constructor).toBe(errorClass);
  const { message: found } = thrown as Error;
  if (typeof message === "string") expect(found).toBe(message);
  else expect(found).toMatch(message);
}

/** The same of `optimizer.load` and its like, and that the optimizer is as it was. */
export async function expectLoadRefused(
  optimizer: Optimizer<never>,
  action: () => Promise<unknown>,
  errorClass: ErrorClass,
  message: string | RegExp,
): Promise<void> {
  const before = everythingIn(optimizer);
  await expectRejection(action, errorClass, message);
  expect(everythingIn(optimizer)).toBe(before);
}

/** A small model, and its gradients. */
export const tree = () => ({ w: numbers(5, 1), b: numbers(2, 2) });
export const gradients = (step: number) => ({ w: numbers(5, step), b: numbers(2, step + 100) });

/** An optimizer after some steps. */
export function stepped(update: Update, steps = 3, params: Record<string, unknown> = tree()) {
  const optimizer = update.initSync(params);
  const told = update.rules.some(({ rule }) => rule.name === "reduceOnPlateau") ? { value: 1 } : undefined;
  for (let step = 0; step < steps; step++) {
    const grads = Object.fromEntries(Object.entries(gradients(step)).filter(([name]) => name in params));
    optimizer.step(grads as never, told);
  }
  return optimizer;
}
