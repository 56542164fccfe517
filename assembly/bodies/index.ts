// What the linker can join. The build cuts these out of the compiled module: scripts/bodies.mjs.

export { adam, adamax, belief, momentum, yogi } from "./adam";
export { average, ema, lookahead } from "./average";
export { clip, zeroNans } from "./clip";
export { adadelta, rms, rss, stddev } from "./rms";
export { lion } from "./sign";
export { nesterov, trace } from "./trace";
