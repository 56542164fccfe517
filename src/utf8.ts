// UTF-8 from ECMAScript alone: embedded engines have no TextEncoder and no TextDecoder.

/** A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(3 * text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.codePointAt(i)!;
    if (code > 0xffff) i++;
    if (code >> 11 === 0x1b) code = 0xfffd;
    const following = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    // As many leading ones as there are bytes; then six bits a byte.
    bytes[length++] = following === 0 ? code : (0xff80 >> following) | (code >> (6 * following));
    for (let k = following - 1; k >= 0; k--) bytes[length++] = 0x80 | ((code >> (6 * k)) & 0x3f);
  }
  return bytes.slice(0, length);
}

/** @throws URIError for what is not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte < 128 && byte !== 37 ? String.fromCharCode(byte) : `%${byte.toString(16)}`;
  return decodeURIComponent(text);
}
