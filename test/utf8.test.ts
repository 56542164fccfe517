import * as fc from "fast-check";
import { expect, it } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../src/utf8.ts";

const RUNS = { numRuns: 2000 };

it("encodes any text as TextEncoder does, lone surrogates too", () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.nat(0xffff).map((code) => String.fromCharCode(code)),
      fc.nat(0x10ffff).map((code) => String.fromCodePoint(code)),
    ),
  });
  fc.assert(
    fc.property(text, (text) => {
      expect(encodeUtf8(text)).toEqual(new Uint8Array(new TextEncoder().encode(text)));
    }),
    RUNS,
  );
  for (const code of [
    0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0xffff, 0x10000, 0x1d800, 0x10ffff,
  ]) {
    const text = String.fromCodePoint(code);
    expect(encodeUtf8(text), String(code)).toEqual(new Uint8Array(new TextEncoder().encode(text)));
  }
});

it("decodes any bytes as a TextDecoder does that is fatal", () => {
  const outcome = (decode: () => string) => {
    try {
      return decode();
    } catch {
      return null;
    }
  };
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // Bytes of which many a sequence is right, and many only just not.
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(0x25, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xed, 0xf0, 0xf4),
  );
  const random = fc.array(byte, { maxLength: 6 }).map((bytes) => Uint8Array.from(bytes));
  const encoded = fc.string({ unit: "binary" }).map((text) => new Uint8Array(new TextEncoder().encode(text)));
  fc.assert(
    fc.property(fc.oneof(random, encoded), (bytes) => {
      expect(outcome(() => decodeUtf8(bytes))).toBe(outcome(() => decoder.decode(bytes)));
    }),
    RUNS,
  );
});
