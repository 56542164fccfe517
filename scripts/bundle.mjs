import commonjs from "@rollup/plugin-commonjs";
import nodeResolve from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import { rollup } from "rollup";

// What @stdlib carries for engines without typed arrays or defineProperty: every engine with WebAssembly has both, and
// the polyfills are two thirds of its bytes. The arithmetic is untouched.
const native = new Map([
  ["array-float64", "Float64Array"],
  ["array-uint32", "Uint32Array"],
  ["array-uint16", "Uint16Array"],
  ["array-uint8", "Uint8Array"],
  [
    "utils-define-nonenumerable-read-only-property",
    "(object, key, value) => Object.defineProperty(object, key, { value })",
  ],
]);

const nativeArrays = {
  name: "native-arrays",
  load(/** @type {string} */ id) {
    const name = /@stdlib[\\/]([\w-]+)[\\/]lib[\\/]index\.js$/.exec(id)?.[1] ?? "";
    return native.has(name) ? `module.exports = ${native.get(name)};` : null;
  },
};

/** The notices themselves are in a file: they cost as much as a rule. */
const banner = "/*! lanestep, MIT; bundles parts of @stdlib, Apache-2.0: THIRD-PARTY-NOTICES.md */";

/** @param {string} input @param {string} file */
export async function bundle(input, file) {
  const build = await rollup({
    input,
    plugins: [nativeArrays, nodeResolve(), commonjs({ strictRequires: false })],
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  await build.write({
    file,
    format: "es",
    sourcemap: true,
    banner,
    plugins: [
      terser({
        module: true,
        ecma: 2020,
        keep_classnames: /^(Optimizer|Update)$/, // what a console shows
        compress: { passes: 3, pure_getters: true, unsafe_arrows: true, unsafe_methods: true },
        format: { comments: /^!/ },
      }),
    ],
  });
  await build.close();
}
