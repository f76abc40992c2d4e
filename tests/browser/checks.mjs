// Checks that are counted: each names what failed, and the last line says how many held.
import { isDeepStrictEqual } from "node:util";

const SHOWN_CHARS_MAX = 2000;

let passed = 0;
let failed = 0;

/** What was found has to be what was expected. */
export function check(what, found, expected) {
  if (isDeepStrictEqual(found, expected)) return (passed += 1);
  failed += 1;
  const shown = (value) => JSON.stringify(value)?.slice(0, SHOWN_CHARS_MAX);
  console.error(`FAILED ${what}\n  found    ${shown(found)}\n  expected ${shown(expected)}`);
}

/** Says how many checks held; the process ends with 1 when one did not. */
export function conclude() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
