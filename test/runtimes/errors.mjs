// @ts-check
// Why a check fails. It is never undefined, whatever was thrown: that would be a check that passes.

/** @param {any} reason */
export const wordsOf = (reason) => String(reason?.message ?? reason);

/** @param {Promise<unknown>} done @returns {Promise<string | undefined>} undefined where it is fulfilled */
export const errorOf = (done) => done.then(() => undefined, wordsOf);
