// @ts-check
// The golden cases in a page.

import { post } from "./answer.mjs";

try {
  const { holdGolden } = await import("../../golden.mjs");
  const texts = await fetch("/golden.json");
  await post(holdGolden(await texts.json()));
} catch (error) {
  await post({ error: String(error) });
}
