// @ts-check
// What is learnt from, and what is asked: source files of npm packages. No package stands on both sides.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mulberry32, shuffled } from "../digits/data.js";

/** @typedef {{ language: string, text: string }} Piece */

/** The language to be learnt, by its file extension: Solidity, in which contracts on a blockchain are written. */
export const NEW = "sol";

/** How many characters a piece of a file has, but for the last of its lines. */
const LENGTH = 2000;
const SHORTEST = 200;
/** From one file, that long ones do not outweigh the others. */
const PIECES_OF_A_FILE = 4;
/** Of one language. */
const MOST = { learn: 400, ask: 200 };

/**
 * Packages to learn from, and packages to be asked about. What it knew is learnt from too, that it be told apart from the
 * new language; but not all of it: two are only asked about.
 * @type {{ [language: string]: { files: RegExp, learn: string[], ask: string[] } }}
 */
const SOURCES = {
  sol: {
    files: /\.sol$/,
    learn: ["@openzeppelin/contracts", "@solidstate/contracts", "@prb/math"],
    ask: ["solady", "erc721a", "solidity-bits"],
  },
  css: { files: /(?<!\.min)\.css$/, learn: ["animate.css"], ask: ["purecss"] },
  java: {
    files: /\.java$/,
    learn: ["cordova-plugin-camera", "cordova-plugin-file", "cordova-plugin-inappbrowser", "cordova-plugin-media"],
    ask: ["@capacitor/android", "cordova-plugin-ble-central"],
  },
  js: { files: /(?<!\.min)\.js$/, learn: ["async"], ask: ["commander", "semver", "ws"] },
  kt: {
    files: /\.kt$/,
    learn: ["@capacitor/camera", "@capacitor/local-notifications"],
    ask: ["@capacitor/filesystem", "@capacitor/geolocation"],
  },
  md: {
    files: /\.md$/,
    learn: ["@capacitor/camera", "@capacitor/local-notifications", "async", "redux", "rxjs"],
    ask: ["@capacitor/filesystem", "commander", "immer", "purecss", "semver"],
  },
  mm: {
    files: /\.m$/,
    learn: ["cordova-plugin-camera", "cordova-plugin-file", "cordova-plugin-inappbrowser", "cordova-plugin-media"],
    ask: ["@capacitor/ios"],
  },
  swift: { files: /\.swift$/, learn: ["@capacitor/ios"], ask: ["@capacitor/filesystem", "@capacitor/geolocation"] },
  ts: { files: /(?<!\.d)\.ts$/, learn: ["rxjs"], ask: ["immer", "redux", "reselect"] },
  cpp: { files: /\.cc$/, learn: [], ask: ["i2c-bus"] },
  cs: { files: /\.cs$/, learn: [], ask: ["com.cysharp.unitask"] },
};

/**
 * Pieces of all languages, in random order.
 * @param {"learn" | "ask"} side
 * @param {number} seed which pieces, where a language has more than enough, and their order
 */
export function readPieces(side, seed) {
  const random = mulberry32(seed);
  const ofLanguages = Object.entries(SOURCES).map(([language, { files, [side]: packages }]) => {
    const texts = new Set(packages.flatMap((name) => readTexts(name, files))); // a text that comes twice is one
    const pieces = [...texts].flatMap((text) => cut(text).slice(0, PIECES_OF_A_FILE));
    return shuffled(pieces, random)
      .slice(0, MOST[side])
      .map((text) => ({ language, text }));
  });
  return shuffled(ofLanguages.flat(), random);
}

/** @param {string} name of a package @param {RegExp} files */
function readTexts(name, files) {
  const folder = fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => files.test(path))
    .sort()
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile()) // some folders are called "name.js"
    .map((path) => readFileSync(path, "utf8"));
}

/** @param {string} text */
function cut(text) {
  const pieces = [""];
  for (const line of text.split("\n")) {
    if (pieces[pieces.length - 1].length >= LENGTH) pieces.push("");
    pieces[pieces.length - 1] += `${line}\n`;
  }
  return pieces.filter((piece) => piece.length >= SHORTEST);
}
