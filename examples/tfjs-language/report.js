// @ts-check
// What the model knew, and what it knows.

/** @typedef {{ language: string, sure: number }} Guess with its probability */

/**
 * A line for each language, and one for all that it knew.
 * @param {readonly import("./sources.js").Piece[]} asked
 * @param {readonly Guess[]} before
 * @param {readonly Guess[]} after
 * @param {string} learnt the new language
 */
export function report(asked, before, after, learnt) {
  const rows = asked.map(({ language }, i) => ({
    language,
    before: before[i].language === language,
    after: after[i].language === language,
    taken: after[i].language === learnt,
  }));
  /** @param {string} name @param {typeof rows} of */
  const line = (name, of) => {
    const part = (/** @type {"before" | "after"} */ when) =>
      `${((of.filter((row) => row[when]).length / of.length) * 100).toFixed(1).padStart(5)} %`;
    const taken = of.filter((row) => row.taken).length;
    console.log(
      `${name.padEnd(14)}${String(of.length).padStart(6)}${part("before").padStart(10)}${part("after").padStart(10)}${String(taken).padStart(10)}`,
    );
  };
  console.log("\nright, of pieces of packages that it has not learnt from:");
  console.log(`${"".padEnd(14)}pieces    before     after  as ${learnt}`);
  for (const language of new Set(rows.map((row) => row.language).sort())) {
    line(
      language,
      rows.filter((row) => row.language === language),
    );
  }
  line(
    "all it knew",
    rows.filter((row) => row.language !== learnt),
  );

  const tally = new Map();
  asked.forEach(({ language }, i) => {
    if (language === learnt) tally.set(before[i].language, (tally.get(before[i].language) ?? 0) + 1);
  });
  const most = [...tally].sort(([, a], [, b]) => b - a).slice(0, 5);
  console.log(
    `Before, it took ${learnt} for ${most.map(([language, count]) => `${language} (${count})`).join(", ")} …`,
  );
}
