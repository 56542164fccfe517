// What "lanestep" is under the export condition "workerd": such engines compile no WebAssembly at run time, and take it as
// modules that are imported. Both are of the package, so that a worker needs no options.

import { useModules } from "./backends/choose.ts";
import kernels from "./kernels.wasm";
import module from "./warmed.wasm";

export * from "./index.ts";

useModules({ module, kernels });
