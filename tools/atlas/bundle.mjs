// Bundles regl-scatterplot with what it needs into one module, and collects the licences of all of it.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const page = new URL("../../src/vecs/_serving/page/", import.meta.url).pathname;
const made = await build({
  stdin: { contents: 'export { default } from "regl-scatterplot";', resolveDir: "." },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  legalComments: "none",
  metafile: true,
  banner: { js: "/* Made by tools/atlas/bundle.mjs of regl-scatterplot and others; licences: scatterplot.LICENSE.txt */" },
  outfile: `${page}scatterplot.js`,
});
const inputs = Object.keys(made.metafile.inputs);
const names = new Set(inputs.map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean));
// Packages that regl-scatterplot has in its own bundle.
const within = Object.keys(JSON.parse(readFileSync("node_modules/regl-scatterplot/package.json")).dependencies);
const all = [...new Set([...names, ...within, "camera-2d-simple", "kdbush"])].sort();
const texts = all.flatMap((name) => {
  let folder = `node_modules/${name}`;
  try {
    const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    return [`${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`];
  } catch {
    console.warn(`${name}: no licence found`);
    return [];
  }
});
writeFileSync(`${page}scatterplot.LICENSE.txt`, texts.join(`\n${"-".repeat(80)}\n\n`));
console.log(all.join(" "));
