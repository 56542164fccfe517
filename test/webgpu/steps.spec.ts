import { stepsChecks } from "./steps.ts";
import { testChecks } from "./vitest.ts";

testChecks("chains over several steps", stepsChecks());
