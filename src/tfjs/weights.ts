// Checkpoints as TensorFlow.js keeps an optimizer's weights: state as tensors of its own, beside parameters, which the model
// has. What is left of the files, their headers and what is no f32, is a tensor of strings, which may be any bytes.

import { keep, type Tensor, tensor } from "@tensorflow/tfjs-core";
import { CheckpointError } from "../errors.ts";

/** As TensorFlow.js has it, without a name to import it by. */
export interface NamedTensor {
  name: string;
  tensor: Tensor;
}

type Entry = { readonly shape: number[]; readonly data_offsets: readonly [begin: number, end: number] };

const REST = "lanestep";

/** Of the tensors of the first file they are the file's own: of the others they have its number. */
const nameIn = (file: number, name: string): string => (file === 0 ? name : `${name}#${file + 1}`);

/** Tensors that the caller disposes of. */
export function weightsOf(files: readonly Uint8Array[]): NamedTensor[] {
  const rest: Uint8Array[] = [];
  const weights = files.flatMap((file, i) => {
    const size = headerSize(file);
    rest.push(file.slice(0, size));
    return entriesOf(file).flatMap(([name, { shape, data_offsets }]): NamedTensor[] => {
      const [begin, end] = data_offsets;
      const bytes = file.slice(size + begin, size + end);
      if (name.startsWith("custom/")) rest.push(bytes);
      if (!name.startsWith("state/")) return [];
      return [{ name: nameIn(i, name), tensor: keep(tensor(new Float32Array(bytes.buffer), shape, "float32")) }];
    });
  });
  return [{ name: REST, tensor: keep(tensor(rest, [rest.length], "string")) }, ...weights];
}

/** The files again, with zeros as parameters. @throws CheckpointError for the weights of another optimizer */
export async function filesOf(weights: readonly NamedTensor[]): Promise<Uint8Array[]> {
  const byName = new Map(weights.map((weight) => [weight.name, weight.tensor]));
  const strings = (await byName.get(REST)?.bytes()) as Uint8Array[] | undefined;
  if (!strings) {
    throw new CheckpointError(
      `setWeights: there is no "${REST}" among the weights: they are those of another optimizer than LanestepOptimizer`,
    );
  }
  const rest = [...strings]; // the tensor's own array
  const files: Uint8Array[] = [];
  while (rest.length > 0) {
    const header = rest.shift()!;
    const entries = entriesOf(header);
    const size = headerSize(header);
    const file = new Uint8Array(
      entries.reduce((end, [, { data_offsets }]) => Math.max(end, size + data_offsets[1]), size),
    );
    file.set(header);
    for (const [name, { data_offsets }] of entries) {
      const [begin, end] = data_offsets;
      let bytes: Uint8Array | undefined;
      if (name.startsWith("state/")) {
        const numbers = await byName.get(nameIn(files.length, name))?.data<"float32">();
        if (!numbers) throw new CheckpointError(`setWeights: "${nameIn(files.length, name)}" is missing`);
        bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      } else if (name.startsWith("custom/")) {
        bytes = rest.shift();
      }
      if (bytes && bytes.length === end - begin) file.set(bytes, size + begin);
      else if (bytes)
        throw new CheckpointError(`setWeights: "${name}" has ${bytes.length} bytes, expected ${end - begin}`);
    }
    files.push(file);
  }
  return files;
}

const headerSize = (file: Uint8Array): number =>
  8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));

/** Tensors in the order of the header. @throws SyntaxError for what is none */
function entriesOf(file: Uint8Array): [name: string, entry: Entry][] {
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, headerSize(file))));
  return Object.entries<Entry>(header).filter(([name]) => name !== "__metadata__");
}
