// Checks as Vitest's tests.

import { afterAll, beforeAll, describe, it } from "vitest";
import { type Check, Worst, worstWords } from "./check.ts";
import { openDevice } from "./device.mjs";

export function testChecks(title: string, checks: readonly Check[]): void {
  describe(title, () => {
    let device: GPUDevice;
    const worst = new Worst();
    beforeAll(async () => {
      device = await openDevice();
    });
    for (const { name, run } of checks) it(name, async () => worst.add(await run(device)));
    afterAll(() => {
      console.log(`${title}: at most ${worstWords(worst.found)}`);
      device.destroy();
    });
  });
}
