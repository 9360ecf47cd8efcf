// Bundles src/ into dist/: names carry a hash of the content, manifest.json lists each with the
// hash that browsers check it against. The same sources always give the same bytes. Beside each
// file lies what is sent to browsers that take it compressed.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { build } from "esbuild";

import { wordLists } from "./wordlists.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = `${here}dist/`;
const KEPT_MILLISECONDS = 3_600_000;

const COMPRESSED = {
  ".br": (contents) =>
    brotliCompressSync(contents, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: contents.length,
      },
    }),
  ".gz": (contents) => gzipSync(contents, { level: 9 }),
};

const result = await build({
  absWorkingDir: here,
  entryPoints: [
    { in: "src/main.ts", out: "main" },
    { in: "src/wallet/wallet.ts", out: "wallet" },
    { in: "src/wallet/worker/main.ts", out: "worker" },
    { in: "src/wallet/scanner.ts", out: "scanner" },
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
  preserveSymlinks: true, // or names would depend on where node_modules is
});

await mkdir(dist, { recursive: true });
const manifest = {};
for (const path of Object.keys(result.metafile.outputs)) {
  const file = basename(path);
  const { contents } = result.outputFiles.find((each) => each.path.endsWith(`/${file}`));
  const digest = createHash("sha384").update(contents).digest("base64");
  const name = file.replace(/-[A-Z0-9]+(?=\.\w+$)/, "");
  manifest[name] = { file, integrity: `sha384-${digest}` };
  for (const [ending, compress] of Object.entries(COMPRESSED)) {
    await writeFile(dist + file + ending, compress(contents));
  }
  await writeFile(dist + file, contents);
}
// A running server reads the manifest once: write it whole, and leave it its files for a while.
await writeFile(`${dist}manifest.json.new`, `${JSON.stringify(manifest, null, 2)}\n`);
await rename(`${dist}manifest.json.new`, `${dist}manifest.json`);
const current = new Set(["manifest.json"]);
for (const { file } of Object.values(manifest)) {
  for (const ending of ["", ...Object.keys(COMPRESSED)]) current.add(file + ending);
}
for (const file of await readdir(dist)) {
  const { mtimeMs } = await stat(dist + file);
  if (!current.has(file) && Date.now() - mtimeMs > KEPT_MILLISECONDS) await rm(dist + file);
}

for (const { file } of Object.values(manifest)) {
  const sizes = ["", ...Object.keys(COMPRESSED)].map(async (ending) => {
    const { length } = await readFile(dist + file + ending);
    return `${(length / 1000).toFixed(1)} kB${ending.replace(".", " ")}`;
  });
  console.log(`  ${file}  ${(await Promise.all(sizes)).join(", ")}`);
}
