// @ts-check
// The checks in Deno and in a page: says what is held, a line of JSON for each.

const say = (/** @type {object} */ said) => console.log(JSON.stringify(said));
const built = (/** @type {string} */ file) => new URL(`../../build/webgpu/${file}`, import.meta.url).href;

try {
  /** @type {typeof import("./engine.ts")} */
  const { hold } = await import(built("engine.mjs"));
  const given = await fetch(built("given.json"));
  await hold(await given.json(), say);
  say({ ended: null });
} catch (error) {
  say({ ended: String(error) });
}
