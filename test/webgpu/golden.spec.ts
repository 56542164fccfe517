import { fileURLToPath } from "node:url";
import { readGolden } from "../support/golden/read.ts";
import { goldenChecks } from "./golden.ts";
import { testChecks } from "./vitest.ts";

const folder = fileURLToPath(new URL("../golden", import.meta.url));
testChecks("golden cases", readGolden(folder).flatMap(goldenChecks));
