// What a safetensors file means, found another way than the library's: by JSON.parse, integers without bound, and a count
// for every byte.

const SIZES: Record<string, bigint> = {
  ...{ BOOL: 1n, U8: 1n, I8: 1n, I16: 2n, U16: 2n, F16: 2n, BF16: 2n },
  ...{ I32: 4n, U32: 4n, F32: 4n, I64: 8n, U64: 8n, F64: 8n },
};

export interface Meaning {
  readonly metadata: [key: string, value: string][];
  /** In the header's order but for names that are integers; `data` in hexadecimal. */
  readonly tensors: [name: string, { dtype: string; shape: number[]; data: string }][];
}

const STRING = /"(?:[^"\\]|\\.)*"/g;

type Parsed = { [key: string]: unknown };

/** What the file means, or null for one that the format does not allow. */
export function meaningOf(file: Uint8Array): Meaning | null {
  if (file.length < 8) return null;
  const length = file.subarray(0, 8).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
  if (length > 100_000_000n || 8n + length > BigInt(file.length)) return null;
  const data = file.subarray(8 + Number(length));
  const header = parse(file.subarray(8, 8 + Number(length)));
  if (!header) return null;
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) return null;

  const counts = new Uint8Array(data.length);
  const places: [begin: number, end: number][] = [];
  const tensors: Meaning["tensors"] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (!isObject(entry) || Object.keys(entry).sort().join() !== "data_offsets,dtype,shape") return null;
    const { dtype, shape, data_offsets: offsets } = entry;
    const size = typeof dtype === "string" && Object.hasOwn(SIZES, dtype) ? SIZES[dtype]! : 0n;
    if (!size || !isIntegers(shape) || !isIntegers(offsets) || offsets.length !== 2) return null;
    const products = shape.map((_, i) => shape.slice(0, i + 1).reduce((product, axis) => product * BigInt(axis), size));
    if (products.some((product) => product > Number.MAX_SAFE_INTEGER)) return null;
    const [begin, end] = offsets as [number, number];
    if (end > data.length || BigInt(end - begin) !== (products.at(-1) ?? size)) return null;
    for (let i = begin; i < end; i++) counts[i]! += 1;
    places.push([begin, end]);
    const bytes = Buffer.from(data.subarray(begin, end)).toString("hex");
    tensors.push([name, { dtype: dtype as string, shape, data: bytes }]);
  }
  if (counts.some((count) => count !== 1)) return null;
  if (places.some(([at]) => places.some(([begin, end]) => begin < at && at < end) || at > data.length)) return null;
  return { metadata: Object.entries(metadata) as [string, string][], tensors };
}

function parse(bytes: Uint8Array): Parsed | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const header: unknown = JSON.parse(text);
    const strings = text.match(STRING) ?? [];
    // What is left without the strings' insides: integers and punctuation, and a colon for every key.
    const frame = text.replace(STRING, '""');
    const keys = frame.match(/""\s*:/g) ?? [];
    if (!isObject(header) || !/^[\s{}[\]:,\d"]*$/.test(frame) || keys.length !== countKeys(header)) return null;
    return strings.some((string) => /\p{Cs}/u.test(JSON.parse(string))) ? null : header;
  } catch {
    return null;
  }
}

const isObject = (value: unknown): value is Parsed =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isIntegers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((element) => Number.isSafeInteger(element));

/** Keys at all depths: fewer than the text has where JSON.parse has dropped one that stood twice. */
function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, child) => sum + countKeys(child), own);
}
