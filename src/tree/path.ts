/** A leaf's place in its tree: object keys, and array indices as numbers. */
export type Keys = readonly (string | number)[];

const PLAIN = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;

/** For messages, as the user would write it: `params.layers[0]["a.b"]`. */
export function displayPath(root: string, keys: Keys): string {
  return keys.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return PLAIN.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`;
  }, root);
}

/** The leaf's name: its keys joined by `/`, `~` and `/` in them escaped as in a JSON Pointer (RFC 6901). */
export function pathName(keys: Keys): string {
  return keys.map((key) => String(key).replace(/~/g, "~0").replace(/\//g, "~1")).join("/");
}

/** 32-bit FNV-1a over the UTF-16 code units: keys the noise of a leaf, wherever the leaf lies. */
export function hashPath(path: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 255), 0x01000193);
    hash = Math.imul(hash ^ (unit >> 8), 0x01000193);
  }
  return hash >>> 0;
}
