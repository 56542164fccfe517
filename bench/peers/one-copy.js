// @ts-check
// To be imported first: `lanestep/tfjs` and `lanestep/jax` take the libraries of this folder, as an app has one copy of each.
// The root has its own, for types and tests; jax-js refuses the arrays of another copy.

import { register } from "node:module";

const parentURL = JSON.stringify(new URL("package.json", import.meta.url).href);
const hook = `
  const isPeer = (specifier) => /^@(tensorflow|jax-js)[/]/.test(specifier);
  export const resolve = (specifier, context, next) =>
    next(specifier, isPeer(specifier) ? { ...context, parentURL: ${parentURL} } : context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
