// What glob.ts takes of the package: its own declarations of the ES module are written as for CommonJS, and Deno finds no
// default in them.

declare function wildcardMatch(pattern: string, separator: string): (path: string) => boolean;
export default wildcardMatch;
