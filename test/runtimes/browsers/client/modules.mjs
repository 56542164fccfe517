// @ts-check
// Modules of WebAssembly as files, for who wants to compile them; null where a policy refuses that.

/** @param {string} path */
const compile = (path) => WebAssembly.compileStreaming(fetch(path));

export async function modules() {
  try {
    const kernels = await compile("/node_modules/lanestep/dist/kernels.wasm");
    new WebAssembly.Instance(kernels); // what WebKit refuses
    const warmed = await compile("/node_modules/lanestep/dist/warmed.wasm");
    return { kernels, warmed, loops: await compile("/loops.wasm") };
  } catch {
    return null;
  }
}
