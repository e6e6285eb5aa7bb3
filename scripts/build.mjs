// Bundles the product into dist/: worker.cjs holds what the first answer needs; each heavy library is a file of its own, loaded
// when first needed. CommonJS, because esbuild's ESM output of these libraries crashes at start. keytar stays outside: it is native.
import { execFile } from "node:child_process";
import { cp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";

const lazyLibraries = [
  "axios",
  "winston",
  "chokidar",
  "https-proxy-agent",
  "http-proxy-agent",
  "proxy-from-env",
  "rotating-file-stream",
];

/** What libraries bring along, nothing here uses, and costs memory: winston's colours and own debugging, axios' MIME types. */
const withoutUnused = {
  name: "without-unused",
  setup(context) {
    const contents = {
      "@colors/colors": "module.exports = {};",
      "@dabh/diagnostics": "module.exports = () => () => undefined;",
      "mime-db": "module.exports = {};",
    };
    context.onResolve(
      { filter: /^(@colors\/colors|@dabh\/diagnostics|mime-db)(\/|$)/ },
      ({ path }) => ({
        path: Object.keys(contents).find((name) => path.startsWith(name)),
        namespace: "unused",
      }),
    );
    context.onLoad({ filter: /.*/, namespace: "unused" }, ({ path }) => ({
      contents: contents[path],
    }));
  },
};

/** The log turns to its next file without compressing the last one. */
const withoutCompression = {
  name: "without-compression",
  setup(context) {
    context.onResolve({ filter: /^(zlib|child_process)$/ }, ({ path }) => ({
      path,
      namespace: "unused",
    }));
    context.onLoad({ filter: /.*/, namespace: "unused" }, () => ({
      contents: "module.exports = {};",
    }));
  },
};

const { version } = JSON.parse(await readFile("package.json", "utf8"));

const common = {
  define: { WORKER_VERSION: JSON.stringify(version) },
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  external: ["keytar"],
};

/** Turns `import("axios")` into a load of dist/lib/axios.cjs. */
const lazyLibrariesApart = {
  name: "lazy-libraries-apart",
  setup(context) {
    const wanted = new RegExp(`^(${lazyLibraries.join("|")})$`);
    context.onResolve({ filter: wanted }, ({ path, kind, importer }) => {
      if (kind !== "dynamic-import")
        throw new Error(`${path} must be loaded lazily, by import(): ${importer}`);
      return { path: `./lib/${path}.cjs`, external: true };
    });
  },
};

/**
 * The worker is a program of its own beside a launcher that gives V8 what it compiled when the program was built: reading the
 * program is a good part of the time to the first answer. Another Node finds no file of its name, or V8 refuses it: then it compiles.
 */
const PARAMETERS = "exports, require, module, __filename, __dirname";
const cacheName = (node) => `worker.${node.version}-${node.platform}-${node.arch}.cache`;
const launcher = `"use strict";
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");
const filename = join(__dirname, "lib", "worker.cjs");
let cachedData;
try {
  cachedData = readFileSync(join(__dirname, "lib", (${String(cacheName)})(process)));
} catch {}
const program = new Script(readFileSync(filename, "utf8"), { filename: "worker.cjs", cachedData });
program.runInThisContext()(${PARAMETERS});
`;

/** Launches the worker once, asks it something, and keeps what V8 has compiled by then. */
async function writeCodeCache() {
  const request = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "presence/get",
    params: { uri: "someone@example.com" },
  });
  const folder = join(tmpdir(), `ucx-build-${process.pid}`);
  const trial = `
    const { readFileSync, writeFileSync } = require("node:fs");
    const { dirname, join } = require("node:path");
    const filename = process.argv[1];
    const program = new (require("node:vm").Script)(readFileSync(filename, "utf8"), { filename: "worker.cjs" });
    const write = process.stdout.write;
    process.stdout.write = (...written) => {
      setImmediate(() => {
        writeFileSync(join(dirname(filename), (${String(cacheName)})(process)), program.createCachedData());
        process.exit(0);
      });
      return write.apply(process.stdout, written);
    };
    const folder = dirname(dirname(filename));
    program.runInThisContext()({}, require("node:module").createRequire(join(folder, "worker.cjs")), {}, filename, folder);`;
  const options = [
    "--settings",
    join(folder, "Presence.ini"),
    "--secret-store",
    "memory",
    "--log-dir",
    folder,
  ];
  const running = promisify(execFile)(
    process.execPath,
    ["-e", trial, join(process.cwd(), "dist", "lib", "worker.cjs"), ...options],
    {
      timeout: 30_000,
    },
  );
  running.child.stdin.write(`Content-Length: ${request.length}\r\n\r\n${request}`);
  await running;
  await rm(folder, { recursive: true, force: true });
}

await rm("dist", { recursive: true, force: true });
const exists = (path) =>
  stat(path).then(
    () => true,
    () => false,
  );
const present = async (entries) => {
  const found = await Promise.all(
    entries.map(async (entry) => ((await exists(entry.in)) ? [entry] : [])),
  );
  return found.flat();
};

const worker = {
  ...common,
  // Node's own import() does not find the names that a minified CommonJS file exports; require does.
  supported: { "dynamic-import": false },
  plugins: [lazyLibrariesApart],
};

await Promise.all([
  build({
    ...worker,
    entryPoints: ["src/main.ts"],
    outfile: "dist/lib/worker.cjs",
    banner: { js: `(function (${PARAMETERS}) {` },
    footer: { js: "})" },
  }),
  build({
    ...worker,
    entryPoints: await present([{ in: "src/cli/main.ts", out: "cli" }]),
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
  }),
  build({
    ...common,
    format: "esm",
    entryPoints: await present([
      { in: "simulator/main.ts", out: "simulator" },
      { in: "simulator/demo/main.ts", out: "demo" },
    ]),
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
  }),
  ...lazyLibraries.map((name) =>
    build({
      ...common,
      stdin: {
        contents: `module.exports = require(${JSON.stringify(name)});`,
        resolveDir: process.cwd(),
      },
      outfile: `dist/lib/${name}.cjs`,
      plugins: name === "rotating-file-stream" ? [withoutCompression] : [withoutUnused],
    }),
  ),
]);
// The files that `readAsset` reads when a page is served.
for (const path of await readdir("src", { recursive: true }))
  if (/\.(html|css|client\.js)$/.test(path)) await cp(join("src", path), join("dist/assets", path));
await writeFile("dist/worker.cjs", launcher);
await writeCodeCache().catch((error) =>
  console.error(
    `Built without V8's code cache, so the worker starts more slowly: ${error.message}`,
  ),
);
