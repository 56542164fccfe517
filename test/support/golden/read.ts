// Reads golden files in Node.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type GoldenFile, goldenFile } from "./index.ts";

/** All files of a folder whose format and defaults are known here. */
export function readGolden(folder: string): GoldenFile[] {
  const names = readdirSync(folder).sort();
  const files = names.flatMap((file) => goldenFile(file, () => readFileSync(path.join(folder, file), "utf8")) ?? []);
  if (files.length === 0) throw new Error(`no golden file in ${folder}`);
  return files;
}
