// jax-js trains with an update of lanestep: the entry `lanestep/jax`.

import { tree } from "@jax-js/jax";

/** The leaves of a pytree. */
export const leavesOf = (params: Parameters<typeof tree.leaves>[0]): unknown[] => tree.leaves(params);
