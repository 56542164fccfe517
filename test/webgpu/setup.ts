import { afterEach, expect } from "vitest";
import { uncaptured } from "./device.mjs";

afterEach(() => {
  expect(uncaptured.splice(0)).toEqual([]);
});
