// Safetensors files made by hand, and damaged in many ways.

/** A file of a header as it stands and data 0, 1, 2, …; `length`: what its first 8 bytes say instead of the truth. */
export function fileOf(
  header: string | Uint8Array,
  data: number | Uint8Array = 0,
  length?: number | bigint,
): Uint8Array<ArrayBuffer> {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const tail = typeof data === "number" ? Uint8Array.from({ length: data }, (_, i) => i) : data;
  const file = new Uint8Array(8 + text.length + tail.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  file.set(text, 8);
  file.set(tail, 8 + text.length);
  return file;
}

/** The JSON of one tensor. */
export const entry = (dtype: string, shape: string, offsets: string): string =>
  `{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offsets}]}`;

export type Random = (below: number) => number;

/** Integers from 0, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** One to three changes to a file: to its bytes, or to its header as JSON. */
export function mutate(file: Uint8Array, random: Random): Uint8Array {
  let mutated = file;
  for (let changes = random(3); changes >= 0; changes--) {
    mutated = random(2) ? mutateBytes(mutated, random) : mutateHeader(mutated, random);
  }
  return mutated;
}

const concat = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

const headerEnd = (file: Uint8Array): number =>
  file.length < 8 ? file.length : Math.min(file.length, 8 + Number(new DataView(file.buffer).getBigUint64(0, true)));

function mutateBytes(file: Uint8Array, random: Random): Uint8Array {
  const end = headerEnd(file);
  // Most of them in the header, and a few in its length.
  const within = [8, end, end, end, file.length][random(5)]! + 1;
  const at = random(within);
  const [before, after] = [file.slice(0, at), file.slice(at)];
  const bytes = Uint8Array.from({ length: 1 + random(8) }, () => INTERESTING[random(INTERESTING.length)]!);
  switch (random(7)) {
    case 0: {
      const flipped = file.slice();
      if (at < file.length) flipped[at]! ^= 1 << random(8);
      return flipped;
    }
    case 1: {
      const changed = file.slice();
      if (at < file.length) changed[at] = random(2) ? random(256) : bytes[0]!;
      return changed;
    }
    case 2:
      return before;
    case 3:
      return withLength(concat(before, bytes, after), at < end ? bytes.length : 0, random);
    case 4:
      return withLength(concat(before, after.slice(bytes.length)), at < end ? -bytes.length : 0, random);
    case 5: {
      const from = random(within);
      return concat(before, file.slice(from, from + random(64)), after);
    }
    default:
      return concat(file, bytes);
  }
}

/** The digits, the punctuation of JSON, and what is none in UTF-8. */
const INTERESTING = [...new TextEncoder().encode('0123456789"{}[]:,\\u- \n.e\0/'), 127, 128, 0xc3, 0xed, 0xef, 0xff];

/** Half of the time the header's length goes with what was put into it, or taken out. */
function withLength(file: Uint8Array, change: number, random: Random): Uint8Array {
  if (random(2) === 0 || change === 0 || file.length < 8) return file;
  const view = new DataView(file.buffer);
  view.setBigUint64(0, view.getBigUint64(0, true) + BigInt(change), true);
  return file;
}

type Pairs = [key: string, json: string][];

function mutateHeader(file: Uint8Array, random: Random): Uint8Array {
  const end = headerEnd(file);
  const entries = pairsOf(new TextDecoder().decode(file.slice(8, end)));
  if (!entries || entries.length === 0) return file;
  const any = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const at = random(entries.length);
  const [name, json] = entries[at]!;
  const fields = pairsOf(json) ?? [];
  const field = random(fields.length || 1);
  const swapped = random(entries.length);
  const numbers = [...json.matchAll(/\d+/g)];
  const number = numbers[random(numbers.length || 1)];
  const offset = number?.[0] ?? "0";

  switch (random(11)) {
    case 0: // the offsets of two tensors
      entries[at] = [name, withOffsets(json, entries[swapped]![1])];
      entries[swapped] = [entries[swapped]![0], withOffsets(entries[swapped]![1], json)];
      break;
    case 1: // an entry twice, under its name or another
      entries.splice(swapped, 0, [random(2) ? name : any(NAMES), json]);
      break;
    case 2:
      entries.splice(at, 1);
      break;
    case 3: // another order, which changes nothing
      entries.splice(swapped, 0, ...entries.splice(at, 1));
      break;
    case 4:
      entries[at] = [any(NAMES), json];
      break;
    case 5:
      fields.splice(random(fields.length + 1), 0, fields[field] ?? [any(NAMES), any(VALUES)]);
      break;
    case 6:
      fields.splice(field, 1);
      break;
    case 7:
      fields[field] = [fields[field]?.[0] ?? any(NAMES), any(VALUES)];
      break;
    case 8: // one of its numbers
      if (number) {
        const changed = random(2) ? any(VALUES) : `${Number(number[0]) + random(9) - 4}`;
        entries[at] = [name, json.slice(0, number.index) + changed + json.slice(number.index + number[0].length)];
      }
      break;
    case 9: // white space, which changes nothing
      entries[at] = [`${any([" ", "\n", "\t\r"])}${name} `, ` ${json.replaceAll(",", " , ")}`];
      break;
    default: // a tensor without data, often where another begins or ends
      entries.push([any(NAMES), entry("F32", any(["0", "2,0", "0,9007199254740991"]), `${offset},${offset}`)]);
  }
  if (fields.length > 0 && entries[at]?.[1] === json) entries[at] = [entries[at]![0], joined(fields)];
  return fileOf(joined(entries), file.slice(end));
}

/** The members of a JSON object as they stand in its text; null for what is no object. */
function pairsOf(text: string): Pairs | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return Object.entries(value).map(([key, child]) => [JSON.stringify(key), JSON.stringify(child)]);
  } catch {
    return null;
  }
}

const joined = (pairs: Pairs): string => `{${pairs.map(([key, json]) => `${key}:${json}`).join()}}`;

const OFFSETS = /"data_offsets":\[[^\]]*\]/;
const withOffsets = (json: string, other: string): string => json.replace(OFFSETS, OFFSETS.exec(other)?.[0] ?? "$&");

const NAMES = [
  ...['"a"', '"\\u0061"', '""', '"b.c"', '"b"', '"__proto__"', '"__metadata__"', '"constructor"', '"prototype"'],
  ...[
    '"__proto__.polluted"',
    '"constructor.prototype.polluted"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\x"',
    '"',
    "a",
    "1",
  ],
  ...['"dtype"', '"shape"', '"data_offsets"', '"\u0001"', '"\u2028"', '"😀"'],
];

const VALUES = [
  ...["-1", "-0", "0", "00", "1", "4", "1.0", "1e0", "1e400", "4294967296", "9007199254740991", "9007199254740992"],
  ...[
    "18446744073709551616",
    `${"9".repeat(400)}`,
    "null",
    "true",
    '"4"',
    '"F32"',
    '"F16"',
    '"f32"',
    '"F8_E4M3"',
    '"U8"',
  ],
  ...["[]", "[0]", "[0,0]", "[0,4]", "[4,0]", "[1,2,3]", "[[0,4]]", '["0","4"]', "{}", '{"__proto__":1}', "[", "]", ""],
  ...[`${"[".repeat(1000)}${"]".repeat(1000)}`, `[${"9007199254740991,".repeat(50)}0]`, `[${"1,".repeat(5000)}1]`],
];
