import { runs } from "../oracle/arbitrary.ts";
import { rulesChecks } from "./rules.ts";
import { testChecks } from "./vitest.ts";

testChecks("reference, AssemblyScript and WGSL", rulesChecks(runs(20)));
