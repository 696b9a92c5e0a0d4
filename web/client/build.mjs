// Builds dist: three ES modules, two scripts for pages without modules, and the
// types. --check builds into a temporary folder and compares it with dist, so
// that what is committed is what the source says. --tests builds the tests.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const version = JSON.parse(readFileSync(join(here, "package.json"), "utf8")).version;

const common = {
  absWorkingDir: here,
  bundle: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  target: "es2022",
};

async function bundles(outdir) {
  const banner = { js: `/*! @cardea/client ${version}, Apache-2.0 */` };
  const modules = { ...common, banner, outdir, format: "esm", entryPoints: { cardea: "src/index.ts", help: "src/help.ts", "web-eid-compat": "src/web-eid-compat.ts" } };
  const scripts = { ...common, banner, format: "iife", minify: true };
  await Promise.all([
    build(modules),
    build({ ...scripts, entryPoints: ["src/index.ts"], outfile: join(outdir, "cardea.iife.js"), globalName: "cardea" }),
    build({ ...scripts, entryPoints: ["src/web-eid-compat.ts"], outfile: join(outdir, "web-eid-compat.iife.js"), globalName: "webeid" }),
  ]);
  execFileSync(join(here, "node_modules/.bin/tsc"), ["-p", "tsconfig.types.json", "--outDir", join(outdir, "types")], { cwd: here, stdio: "inherit" });
}

function contents(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map((entry) => {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    return [path.slice(dir.length + 1), readFileSync(path, "utf8")];
  }));
}

async function check() {
  const dir = mkdtempSync(join(tmpdir(), "cardea-client-"));
  try {
    await bundles(dir);
    const want = contents(dir);
    const got = contents(join(here, "dist"));
    const stale = [...new Set([...want.keys(), ...got.keys()])].filter((name) => want.get(name) !== got.get(name));
    if (stale.length > 0) {
      throw new Error(`dist is out of date, run npm run build: ${stale.join(", ")}`);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function tests() {
  const outdir = join(here, "build");
  rmSync(outdir, { recursive: true, force: true });
  const entryPoints = readdirSync(join(here, "test")).filter((name) => name.endsWith(".test.ts")).map((name) => join("test", name));
  await build({ ...common, entryPoints, outdir, platform: "node", format: "esm", packages: "external", sourcemap: "inline" });
}

switch (process.argv[2]) {
  case undefined:
    rmSync(join(here, "dist"), { recursive: true, force: true });
    await bundles(join(here, "dist"));
    break;
  case "--check":
    await check();
    break;
  case "--tests":
    await tests();
    break;
  default:
    throw new Error(`unknown option ${process.argv[2]}`);
}
