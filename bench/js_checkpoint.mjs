// node js_checkpoint.mjs FILE COPY: writes and verifies a checkpoint with what node has: JSON.stringify, JSON.parse and
// SHA-256. Prints two numbers in milliseconds, after one round to warm up. Used by checkpoint_speed.py.
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const [, , source, copy] = process.argv;
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const stateText = (d) => JSON.stringify({ lora: d.loraWeights, ewc: d.ewcState, patterns: d.patternCentroids });
const unhashed = new Set(["timestamp", "checkpointId", "runHash", "unhashed"]);
// RFC 8785: keys sorted; JavaScript's own order is that of UTF-16 code units. Arrays hold numbers or objects.
function canonical(value) {
  if (Array.isArray(value)) {
    if (value.length > 0 && typeof value[0] === "number") return JSON.stringify(value);
    return "[" + value.map(canonical).join(",") + "]";
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return "{" + Object.keys(value).sort().map((k) => JSON.stringify(k) + ":" + canonical(value[k])).join(",") + "}";
}
const runText = (d) => canonical(Object.fromEntries(Object.entries(d).filter(([key]) => !unhashed.has(key))));

function write(document) {
  document.stateHash = sha256(stateText(document));
  document.runHash = sha256(runText(document));
  document.checkpointId = document.runHash.slice(0, 16);
  const temporary = copy + ".tmp";
  const file = openSync(temporary, "w");
  writeSync(file, JSON.stringify(document));
  fsyncSync(file);
  closeSync(file);
  renameSync(temporary, copy);
  const folder = openSync(dirname(copy), "r");
  fsyncSync(folder);
  closeSync(folder);
}

function verify() {
  const document = JSON.parse(readFileSync(copy, "utf8"));
  if (sha256(stateText(document)) !== document.stateHash) throw new Error("stateHash");
  if (sha256(runText(document)) !== document.runHash) throw new Error("runHash");
}

const document = JSON.parse(readFileSync(source, "utf8"));
const expected = [document.stateHash, document.runHash];
let times;
for (let round = 0; round < 2; ++round) {
  const start = performance.now();
  write(document);
  const written = performance.now();
  verify();
  times = [written - start, performance.now() - written];
}
if (document.stateHash !== expected[0] || document.runHash !== expected[1]) throw new Error("other hashes than the file");
console.log(times.join(" "));
