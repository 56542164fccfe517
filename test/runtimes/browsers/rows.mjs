// @ts-check
// The workload in browsers: in a page and in a Web Worker, from files and from bundles, with and without a
// Content-Security-Policy.

import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkGolden } from "../golden.mjs";
import { importsOf, resolvedWorkload } from "../resolved.mjs";
import { bundlers, html } from "./bundles.mjs";
import { findChromium } from "./chromium.mjs";
import { findFirefox, findWebKit, openChromium, openFirefox, openWebKit } from "./engines.mjs";
import { visit } from "./server.mjs";

/** @typedef {import("../run.mjs").Row} Row */
/** @typedef {import("../run.mjs").Check} Check */
/** @typedef {import("../run.mjs").Context} Context */
/** @typedef {import("./server.mjs").Site} Site */
/** @typedef {import("./server.mjs").Open} Open */

const client = fileURLToPath(new URL("client", import.meta.url));

/** @type {import("../run.mjs").Row["paths"]} */
const EVERY_PATH = ["linked", "warmed", "tiles"];

/**
 * Puts pages into the project. Two have an import map for bare names. A worker gets none, and a policy wants no script
 * inside a page: the others' workload says where the library's files are, as it would on any static server.
 * @param {string} project
 */
async function writePages(project) {
  const imports = await importsOf(project);
  const resolved = join(project, "resolved");
  for (const folder of [project, resolved]) {
    await cp(client, join(folder, "browsers", "client"), { recursive: true });
  }
  await writeFile(join(resolved, "workload.mjs"), await resolvedWorkload(project, imports, "../"));
  const mapped = { imports: Object.fromEntries(Object.entries(imports).map(([name, path]) => [name, `./${path}`])) };
  const map = `<script type="importmap">${JSON.stringify(mapped)}</script>`;
  const pages = {
    mapped: html("browsers/client/page.mjs", map),
    golden: html("browsers/client/golden.mjs", map),
    page: html("resolved/browsers/client/page.mjs"),
    worker: html("resolved/browsers/client/worker-page.mjs"),
  };
  for (const [name, text] of Object.entries(pages)) await writeFile(join(project, `${name}.html`), text);
}

const STRICT = "script-src 'self'";
const WITH_WASM = "script-src 'self' 'wasm-unsafe-eval'";

/** @type {readonly [where: string, page: string, policy?: string][]} */
const SITES = [
  ["page, import map", "mapped.html"],
  ["page", "page.html"],
  [`page, ${WITH_WASM}`, "page.html", WITH_WASM],
  [`page, ${STRICT}`, "page.html", STRICT],
  ["web worker", "worker.html"],
  [`web worker, ${WITH_WASM}`, "worker.html", WITH_WASM],
  [`web worker, ${STRICT}`, "worker.html", STRICT],
];

/**
 * What the console was told: nothing, or once that and why the reference backend stands in.
 * @param {string} where @param {string | undefined} policy @param {readonly string[]} warnings
 * @returns {Check}
 */
function consoleCheck(where, policy, warnings) {
  const isRight =
    policy === STRICT
      ? warnings.length === 1 &&
        /^lanestep: this engine does not compile WebAssembly SIMD \(.*(Content.Security.Policy|CSP).*The reference/is.test(
          warnings[0] ?? "",
        )
      : warnings.length === 0;
  const what = policy === STRICT ? "one warning, that names the policy" : "no warning";
  return { name: `${where}: ${what}`, ...(!isRight && { error: `the console was told ${JSON.stringify(warnings)}` }) };
}

/**
 * @param {{ engine: string, where: string, paths: Row["paths"] }} row @param {Site} site @param {Open} open
 * @param {(requests: readonly string[]) => Check[]} [more]
 * @returns {AsyncGenerator<Check | Row>}
 */
async function* visited(row, site, open, more = () => []) {
  try {
    const { report, warnings, version, requests } = await visit(site, open);
    yield { ...row, version, ...report };
    yield consoleCheck(row.where, site.policy, warnings);
    yield* more(requests);
  } catch (error) {
    yield { ...row, version: "", error: String(error) };
  }
}

/**
 * @param {string} engine @param {Open} open @param {Context} context
 * @returns {AsyncGenerator<Check | Row>}
 */
async function* inPages(engine, open, { project }) {
  await writePages(project);
  for (const [where, page, policy] of SITES) {
    /** @type {Row["paths"]} */
    const paths = policy === STRICT ? ["reference"] : EVERY_PATH;
    yield* visited({ engine, where, paths }, { folder: project, page, ...(policy && { policy }) }, open);
  }
  yield checkGolden(visit({ folder: project, page: "golden.html" }, open));
}

/** @type {readonly [where: string, bundler: string, script: string][]} */
const BUNDLES = [
  ["bundle: rollup", "rollup", "bundled.mjs"],
  ["bundle: esbuild", "esbuild", "bundled.mjs"],
  ["bundle: vite", "vite", "bundled.mjs"],
  ["bundle: vite, web worker", "vite", "bundled-worker-page.mjs"],
  ["bundle: vite, modules by hand", "vite", "bundled-modules.mjs"],
];

/** @param {Context} context @returns {AsyncGenerator<Check | Row>} */
async function* inBundles({ project }) {
  for (const [where, bundler, script] of BUNDLES) {
    const takesModules = script === "bundled-modules.mjs";
    const row = { engine: "chromium", where, paths: takesModules ? EVERY_PATH : EVERY_PATH.slice(0, 1) };
    const folder = join(project, "out", where);
    try {
      const warnings = await bundlers[bundler]({ project, script: `browsers/client/${script}`, out: folder });
      yield { name: `${where}: built without warning`, ...(warnings.length > 0 && { error: warnings.join("\n") }) };
    } catch (error) {
      yield { ...row, version: "", error: String(error) };
      continue;
    }
    yield* visited(row, { folder, page: "index.html" }, openChromium, (requests) => {
      const asked = requests.filter((path) => path.endsWith(".wasm"));
      const isRight = takesModules === asked.length > 0;
      const what = takesModules ? "asks for modules" : "asks for no module";
      return [{ name: `${where}: ${what}`, ...(!isRight && { error: `asks for ${requests.join()}` }) }];
    });
  }
}

/** @type {Record<string, (context: Context) => AsyncGenerator<Check | Row>>} */
export const browsers = {
  async *chromium(context) {
    findChromium(); // missing, it is one failure
    yield* inPages("chromium", openChromium, context);
    yield* inBundles(context);
  },
  async *firefox(context) {
    findFirefox();
    yield* inPages("firefox", openFirefox, context);
  },
  async *webkit(context) {
    findWebKit();
    yield* inPages("webkit", openWebKit, context);
  },
};
