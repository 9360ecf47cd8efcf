// Answers calls of the signing worker for the Python tests: a line of JSON in, a line out, where "12n" is
// a bigint. The worker's own code, on Node.js.
import { bundle } from "./bundle.mjs";

const [file] = await bundle(["bridge.ts"]);
await import(file);
