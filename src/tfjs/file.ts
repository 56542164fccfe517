// A file of all that an optimizer of TensorFlow.js has. Variables that step together have a checkpoint of lanestep: one of
// them is the file; several stand in it as bytes.

import { encodeSafetensors, joinChunks } from "../checkpoint/safetensors.ts";
import { readMetadata, readSafetensors } from "../safetensors.ts";

const FORMAT = "lanestep sets 1";

export function packFiles(
  files: readonly Uint8Array<ArrayBuffer>[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const tensors = files.map((bytes, i) => ({ name: String(i), dtype: "U8" as const, shape: [bytes.length], bytes }));
  return joinChunks(encodeSafetensors(tensors, { ...metadata, format: FORMAT }));
}

export function unpackFiles(bytes: Uint8Array | ArrayBuffer): {
  readonly files: readonly (Uint8Array | ArrayBuffer)[];
  readonly metadata: Readonly<Record<string, string>>;
} {
  const metadata = readMetadata(bytes);
  if (metadata.format !== FORMAT) return { files: [bytes], metadata };
  return { files: Object.values(readSafetensors(bytes)).map(({ data }) => data as Uint8Array), metadata };
}
