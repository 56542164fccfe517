import * as bodies from "./generated/bodies.ts";
import { loopsOfRules } from "./link/ahead.ts";
import { register } from "./link/link.ts";
import { signatureOf, type Token } from "./link/signature.ts";
import * as optimizers from "./optimizers.ts";
import { chain, type Update } from "./update.ts";
import { clipByGlobalNorm } from "./updates/clip.ts";

/** The named optimizers in all their forms: other options change no loop. */
function usual(): Update[] {
  const { rmsprop, sgd, ...others } = optimizers;
  const forms = [{}, { momentum: 0.9 }, { momentum: 0.9, nesterov: true }];
  return [
    ...Object.values(others).map((make) => make()),
    ...forms.flatMap((form) => [sgd(form), rmsprop(form), rmsprop({ centered: true, ...form })]),
  ];
}

/**
 * The signatures that the build links ahead of time, for engines that compile nothing at run time: every operation
 * alone, of which the tile path makes any chain, and the loops of the named optimizers, behind a clipped norm or not.
 */
export function warmedSignatures(): string[] {
  Object.values(bodies).forEach(register);
  const single = [["scale"], ["decay"], ...Object.keys(bodies).map((body) => [body])] as Token[][];
  const chains = usual().flatMap((update) => [update, chain(clipByGlobalNorm(), update)]);
  return [
    ...new Set([
      ...[[], ...single].map((tokens) => signatureOf(tokens, "store")),
      signatureOf([], "add"),
      signatureOf([], "apply"),
      ...chains.flatMap(({ rules }) => loopsOfRules(rules)),
    ]),
  ].sort();
}
