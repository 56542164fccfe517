// UTF-8 by the language alone: an engine that has WebAssembly need not have TextEncoder and TextDecoder.

/** A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  const latin = text
    .replace(/\p{Cs}/gu, "\ufffd")
    .replace(/[^\0-\x7f]+|%/g, encodeURIComponent)
    .replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  const bytes = new Uint8Array(latin.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = latin.charCodeAt(i);
  return bytes;
}

/** @throws URIError for bytes that are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += byte < 128 && byte !== 37 ? String.fromCharCode(byte) : `%${byte.toString(16)}`; // 37: "%" itself
  }
  return decodeURIComponent(text);
}
