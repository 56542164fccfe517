export const jsr = function* () {};
