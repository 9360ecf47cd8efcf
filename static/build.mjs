// Bundles src/ into dist/: names carry a hash of the content, manifest.json lists each with the
// hash that browsers check it against. The same sources always give the same bytes.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { wordLists } from "./wordlists.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = `${here}dist/`;
const KEPT_MILLISECONDS = 3_600_000;

const result = await build({
  absWorkingDir: here,
  entryPoints: [
    { in: "src/main.ts", out: "main" },
    { in: "src/wallet/wallet.ts", out: "wallet" },
    { in: "src/wallet/worker/main.ts", out: "worker" },
    { in: "src/main.css", out: "main" },
    { in: "src/icon.svg", out: "icon" },
  ],
  outdir: "dist",
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  loader: { ".svg": "copy" },
  plugins: [wordLists],
  legalComments: "none",
  charset: "utf8",
  metafile: true,
  write: false,
});

await mkdir(dist, { recursive: true });
const manifest = {};
for (const path of Object.keys(result.metafile.outputs)) {
  const file = basename(path);
  const { contents } = result.outputFiles.find((each) => each.path.endsWith(`/${file}`));
  const digest = createHash("sha384").update(contents).digest("base64");
  const name = file.replace(/-[A-Z0-9]+(?=\.\w+$)/, "");
  manifest[name] = { file, integrity: `sha384-${digest}` };
  await writeFile(dist + file, contents);
}
// A running server reads the manifest once: write it whole, and leave it its files for a while.
await writeFile(`${dist}manifest.json.new`, `${JSON.stringify(manifest, null, 2)}\n`);
await rename(`${dist}manifest.json.new`, `${dist}manifest.json`);
const current = new Set([...Object.values(manifest).map(({ file }) => file), "manifest.json"]);
for (const file of await readdir(dist)) {
  const { mtimeMs } = await stat(dist + file);
  if (!current.has(file) && Date.now() - mtimeMs > KEPT_MILLISECONDS) await rm(dist + file);
}

for (const { file } of Object.values(manifest)) {
  const { length } = await readFile(dist + file);
  console.log(`  ${file}  ${(length / 1000).toFixed(1)} kB`);
}
