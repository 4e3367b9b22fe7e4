// node verify_state_hash.mjs FILE: is stateHash what JSON.stringify and SHA-256 give? Exit 0 yes, 1 no.
// Shows that a checkpoint can be checked without any of this project's code.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const document = JSON.parse(readFileSync(process.argv[2], "utf8"));
const state = { lora: document.loraWeights, ewc: document.ewcState, patterns: document.patternCentroids };
const computed = createHash("sha256").update(JSON.stringify(state)).digest("hex");
console.log(computed);
process.exit(computed === document.stateHash ? 0 : 1);
