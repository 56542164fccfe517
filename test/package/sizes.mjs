export const sizes = function* () {};
