// Bundles the page or its tests; CMake runs it in the build folder, beside node_modules.
//
//   node build.mjs page     dist/: what the program embeds, each text also as .gz
//   node build.mjs report   report-dist/: the style and script of a report's page, to be inlined
//   node build.mjs tests    tests/: unit.test.mjs, browser.test.mjs and the stand-in server
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_KB = 100; // the page, compressed

const shared = { bundle: true, preserveSymlinks: true, format: "esm", logLevel: "warning" };

async function page() {
  mkdirSync("dist", { recursive: true });
  await build({
    ...shared,
    entryPoints: ["src/main.tsx", "src/boot.ts"],
    outdir: "dist",
    minify: true,
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "eof",
  });
  for (const file of ["index.html", "icon.svg"]) copyFileSync(`src/${file}`, `dist/${file}`);

  let total = 0;
  for (const file of ["index.html", "icon.svg", "boot.js", "main.js", "main.css"]) {
    const text = readFileSync(`dist/${file}`);
    const packed = gzipSync(text, { level: 9 });
    writeFileSync(`dist/${file}.gz`, packed);
    total += packed.length;
    console.log(`${file}: ${text.length} bytes, ${packed.length} compressed`);
  }
  console.log(`the page: ${total} bytes compressed`);
  if (total > LIMIT_KB * 1000) throw new Error(`the page is over ${LIMIT_KB} KB compressed`);
}

async function tests() {
  const units = readdirSync("src", { recursive: true }).filter((f) => f.endsWith(".test.ts"));
  const forNode = { ...shared, platform: "node", target: "node18", packages: "external" };
  await build({
    ...forNode,
    stdin: { contents: units.map((f) => `import "./src/${f}";`).join("\n"), resolveDir: "." },
    outfile: "tests/unit.test.mjs",
  });
  await build({
    ...forNode,
    entryPoints: ["browser/browser.test.ts", "browser/show.ts"],
    outdir: "tests",
    outExtension: { ".js": ".mjs" },
  });
}

// A plain script: the page is a file of its own, and browsers load no modules from files.
async function report() {
  await build({
    ...shared,
    format: "iife",
    entryPoints: ["report/report.ts"],
    outdir: "report-dist",
    minify: true,
    target: "es2022",
    legalComments: "inline",
  });
  const uplot = readFileSync("report-dist/report.css", "utf8");
  writeFileSync("report-dist/report.css", readFileSync("report/report.css", "utf8") + uplot);
}

const steps = { page, report, tests };
const step = steps[process.argv[2]];
if (!step) throw new Error(`say one of: ${Object.keys(steps).join(", ")}`);
await step();
