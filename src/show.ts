// Telling values apart, and naming them in messages, for objects of any realm (an iframe, node:vm).

/** The built-in name of an object: an array of another realm is no instance of this one's class. */
export const tagOf = (value: object): string => (value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? "";

/** An object whose prototype is null or an `Object.prototype`. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || (Object.getPrototypeOf(prototype) === null && tagOf(value) !== "Module");
}

/** A value in a message: short, whatever it is. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) {
    const name = (value.constructor as { name?: string } | undefined)?.name;
    return name && name !== "Object" ? `an instance of ${name}` : tagOf(value) || "an object";
  }
  return `${String(value)}${typeof value === "bigint" ? "n" : ""}`;
}
