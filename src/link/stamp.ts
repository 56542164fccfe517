// What a module that was made ahead of time says of itself: the kernels and loops of the package, and what
// `lanestep bake` writes. It is a custom section that is named for kernels, bodies and linker: modules that were made with
// others are not ours, as they may compute something else. In it stands what the module was baked for, if it was.

import { fingerprint } from "../generated/fingerprint.ts";
import type { Chain } from "../program/chain.ts";
import { decodeUtf8, encodeUtf8 } from "../utf8.ts";
import { customSection } from "./encode.ts";

/** The option of `init` that takes it. */
type Kind = "kernels" | "module";

const sectionOf = (kind: Kind): string => `lanestep ${kind} ${fingerprint}`;

/** A chain by its rules, as checkpoints call them. */
export const nameOf = ({ all }: Chain): string => `[${all.map(({ address }) => address).join(", ")}]`;

/** The module with a stamp at its end. */
export function stamp(wasm: Uint8Array, kind: Kind, bakedFor = ""): Uint8Array<ArrayBuffer> {
  const section = customSection(sectionOf(kind), Array.from(encodeUtf8(bakedFor)));
  const stamped = new Uint8Array(wasm.length + section.length);
  stamped.set(wasm);
  stamped.set(section, wasm.length);
  return stamped;
}

/**
 * @returns what the module was baked for, or ""
 * @throws Error for a module of another kind, of another version, or of something else
 */
export function readStamp(module: WebAssembly.Module, kind: Kind): string {
  const [section] = WebAssembly.Module.customSections(module, sectionOf(kind));
  if (section) return decodeUtf8(new Uint8Array(section));
  const expected = kind === "module" ? 'warmed.wasm or what "npx lanestep bake" writes' : "kernels.wasm";
  throw new Error(`${kind} was not made by this version of lanestep, expected its ${expected}`);
}
