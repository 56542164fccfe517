// @ts-check
// Browsers, each opened at a page, with a profile of its own. Firefox and WebKit are started as a person starts them, with
// an address: the clients that would drive them want builds of their own, or a later Node.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { kill, killedWithUs, makeFolder, removeFolder } from "../cleanup.mjs";
import { output } from "../processes.mjs";
import { findProgram } from "./chromium.mjs";
import { launchChromium } from "./launch.mjs";

/** @typedef {import("./server.mjs").Browser} Browser */

/**
 * A page of a browser.
 * @param {import("playwright-core").Browser} browser
 * @returns what rejects when it ends by itself, or has an error to tell
 */
export async function newPage(browser) {
  const page = await browser.newPage();
  /** @type {Promise<never>} */
  const ended = new Promise((_, reject) => {
    page.on("pageerror", reject);
    page.on("crash", () => reject(new Error("the page crashed")));
  });
  ended.catch(() => {}); // before anybody waits for it
  return { page, ended };
}

/** @type {import("./server.mjs").Open} */
export async function openChromium(url) {
  const browser = await launchChromium();
  const { page, ended } = await newPage(browser);
  await page.goto(url);
  return { version: browser.version(), ended, close: () => browser.close() };
}

/**
 * @param {string} program @param {readonly string[]} args @param {NodeJS.ProcessEnv} env
 * @returns {Omit<Browser, "version">}
 */
function start(program, args, env = process.env) {
  const child = killedWithUs(spawn(program, args, { stdio: "ignore", env, detached: true }));
  const closed = once(child, "close");
  const ended = closed.then(([code, signal]) => {
    throw new Error(`${program} ended with ${signal ?? code}`);
  });
  ended.catch(() => {});
  const close = async () => {
    kill(child); // there is nothing to be kept
    await closed.catch(() => {});
  };
  return { ended, close };
}

/** @template T @param {(profile: string) => Promise<T & Pick<Browser, "close">>} body */
async function withProfile(body) {
  const profile = makeFolder("lanestep-profile-");
  const remove = () => removeFolder(profile);
  try {
    const started = await body(profile);
    const close = () => started.close().then(remove);
    return { ...started, close };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** What a fresh profile would ask the network for, or show besides the page. */
const PREFERENCES = {
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.max_script_run_time": 0,
  "extensions.update.enabled": false,
  "media.gmp-manager.url": "",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.server": "",
};

export const findFirefox = () => findProgram("apt-get install firefox-esr", "firefox-esr", "firefox");

/** @type {import("./server.mjs").Open} */
export const openFirefox = (url) =>
  withProfile(async (profile) => {
    const program = findFirefox();
    const lines = Object.entries(PREFERENCES).map((entry) => `user_pref(${JSON.stringify(entry).slice(1, -1)});\n`);
    await writeFile(join(profile, "user.js"), lines.join(""));
    const stdout = await output([program, "--version"]);
    const started = start(program, ["--headless", "--no-remote", "--profile", profile, url]);
    return { ...started, version: stdout.trim().split(" ").at(-1) ?? "" };
  });

/** The browser that comes with GTK's WebKit, which stands beside its libraries, and a screen for it. */
export function findWebKit() {
  const install = "apt-get install libwebkit2gtk-4.1-0 xvfb";
  const libraries = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
  const paths = ["/usr/libexec", ...libraries].map((folder) => join(folder, "webkit2gtk-4.1", "MiniBrowser"));
  const browser = paths.find(existsSync);
  if (!browser) throw new Error(`MiniBrowser is missing: ${install}`);
  return { browser, screen: findProgram(install, "Xvfb") };
}

/** A screen in memory, for what has no headless mode. @param {string} program */
async function openScreen(program) {
  const stdio = /** @type {const} */ (["ignore", "ignore", "ignore", "pipe"]);
  const child = killedWithUs(spawn(program, ["-displayfd", "3", "-nolisten", "tcp"], { stdio: [...stdio] }));
  const closed = once(child, "close");
  const close = async () => {
    child.kill();
    await closed;
  };
  const display = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
  const [number] = await Promise.race([once(display, "data"), closed.then(() => [])]);
  if (number === undefined) throw new Error("Xvfb found no display");
  return { display: `:${String(number).trim()}`, close };
}

/** @type {import("./server.mjs").Open} */
export const openWebKit = (url) =>
  withProfile(async (profile) => {
    const found = findWebKit();
    const screen = await openScreen(found.screen);
    try {
      const env = { ...process.env, DISPLAY: screen.display, GDK_BACKEND: "x11", HOME: profile };
      const stdout = await output([found.browser, "--version"], { env });
      const started = start(found.browser, ["--private", url], env);
      const close = () => started.close().then(screen.close);
      return { ...started, close, version: stdout.trim().split(" ").at(-1) ?? "" };
    } catch (error) {
      await screen.close();
      throw error;
    }
  });
