// Answers calls of the signing worker for the Python tests: JSON lists in and out, where "12n" is
// a bigint. The worker's own code, on Node.js.
import { bundle } from "./bundle.mjs";

const [file] = await bundle(["bridge.ts"]);
await import(file);
