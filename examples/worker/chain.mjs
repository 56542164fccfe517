// @ts-check
// The chain, for the worker and for `npx lanestep bake` alike.

import { adamw, chain, clipByGlobalNorm } from "lanestep";

export default chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 0.05, decay: 0.01 }));
