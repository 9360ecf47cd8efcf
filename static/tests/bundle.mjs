// Bundles TypeScript for Node.js into a folder that is removed at exit; returns the files made.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { wordLists } from "../wordlists.mjs";

export async function bundle(entryPoints) {
  const outdir = mkdtempSync(join(tmpdir(), "satchel-"));
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
    entryPoints,
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    plugins: [wordLists],
    metafile: true,
    logLevel: "error",
  });
  return Object.keys(metafile.outputs).map((path) => join(outdir, path.split("/").at(-1)));
}
