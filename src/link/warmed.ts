import { type BodyName, bodies } from "../generated/bodies.js";
import { signatureOf, type Token } from "./signature.js";

/** Loops of the usual chains: what the named optimizers run, behind a clipped norm or not. */
const CHAINS: readonly (readonly Token[])[] = [
  ["scale"],
  ...(["adam", "belief", "momentum", "yogi", "rms", "rss", "stddev", "trace", "nesterov"] as const).flatMap(
    (body): Token[][] => [[body], [body, "scale"], [body, "decay"], ["scale", body, "scale"], ["scale", body, "decay"]],
  ),
  ...(["rms", "stddev"] as const).flatMap((body): Token[][] => [
    [body, "scale", "trace"],
    [body, "scale", "nesterov"],
  ]),
];

/**
 * The signatures that the build links ahead of time, for engines that compile nothing at run time: every operation
 * alone, of which the tile path makes any chain, and the loops of the usual chains.
 */
export function warmedSignatures(): string[] {
  const single = (["scale", "decay", ...Object.keys(bodies)] as (BodyName | "scale" | "decay")[]).map((token) => [
    token,
  ]);
  return [
    ...new Set([
      signatureOf([], "store"),
      signatureOf([], "apply"),
      ...single.map((tokens) => signatureOf(tokens, "store")),
      ...CHAINS.flatMap((tokens) => [signatureOf(tokens, "apply"), signatureOf(tokens, "store")]),
    ]),
  ];
}
