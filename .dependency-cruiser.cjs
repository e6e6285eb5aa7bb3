// Which folder of src/ may import which (docs/architecture.md). A folder that `mayImport` does not
// name, other than worker and cli, may import nothing but itself.
const mayImport = {
  faults: [],
  ports: ["faults"],
  settings: ["faults", "ports"],
  presence: ["faults", "ports"],
  webex: ["faults", "ports"],
  pages: ["faults", "ports"],
  authorization: ["faults", "ports", "pages", "webex"],
  polling: ["faults", "ports", "presence", "webex"],
  supervisor: ["faults", "ports", "settings", "authorization", "polling"],
  rpc: ["faults", "ports", "presence", "supervisor"],
  dashboard: ["faults", "ports", "pages", "presence"],
  platform: ["faults", "ports"],
  client: ["faults", "platform"],
};
const typesOnly = {
  webex: ["presence"],
  rpc: ["settings", "authorization"],
  dashboard: ["supervisor", "authorization"],
};

const pure = Object.keys(mayImport).filter((folder) => !/^(platform|client)$/.test(folder));
const folderRules = Object.entries(mayImport).map(([folder, targets]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import: ${targets.join(", ") || "nothing"}${typesOnly[folder] ? `; types of ${typesOnly[folder].join(", ")}` : ""}`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: {
    path: "^src/",
    pathNot: `^src/(${[folder, ...targets, ...(typesOnly[folder] ?? [])].join("|")})/`,
  },
}));
const typeRules = Object.entries(typesOnly).map(([folder, targets]) => ({
  name: `${folder}-imports-types`,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: { path: `^src/(${targets.join("|")})/`, dependencyTypesNot: ["type-only"] },
}));

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    ...folderRules,
    ...typeRules,
    {
      name: "ports-are-types",
      comment: "ports/ contains interfaces only",
      severity: "error",
      from: { path: "^src/ports/" },
      to: { dependencyTypesNot: ["type-only"] },
    },
    {
      name: "the-core-is-pure",
      comment:
        "only platform/, client/, main.ts and cli/ import npm packages and node: modules (zod and leven are pure, so any folder may import those)",
      severity: "error",
      from: {
        path: `^src/(${pure.join("|")}|worker)/`,
        pathNot: "^src/dashboard/page/script/",
      },
      to: { pathNot: "^(src/|node_modules/(zod|leven)/)" },
    },
    {
      name: "the-page-runs-in-a-browser",
      comment:
        "the script of the dashboard's page shares types and pure code, and draws with uPlot",
      severity: "error",
      from: { path: "^src/dashboard/page/script/" },
      to: {
        pathNot:
          "^(src/dashboard/|src/faults/|src/presence/(record|presence-wording)\\.ts$|node_modules/uplot/)",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "the-page-stands-alone",
      comment: "the worker reads the page's script as a file",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/dashboard/page/script/" },
      to: { path: "^src/dashboard/page/script/" },
    },
    {
      name: "nobody-imports-the-top",
      severity: "error",
      from: { path: "^src/(?!main\\.ts|cli/|worker/)" },
      to: { path: "^src/(worker/|cli/|main\\.ts)" },
    },
    {
      name: "client-is-for-hosts",
      comment: "the worker does not load it; the command line launches a worker as a host does",
      severity: "error",
      from: { path: "^src/(?!client/|cli/)" },
      to: { path: "^src/client/" },
    },
    {
      name: "client-through-its-exports",
      comment: "client.ts has the names that the package exports",
      severity: "error",
      from: { path: "^src/(?!client/)" },
      to: { path: "^src/client/(?!client\\.ts$)" },
    },
    {
      name: "client-has-no-more-of-platform-than-framing",
      severity: "error",
      from: { path: "^src/client/" },
      to: { path: "^src/platform/(?!json-rpc/framing\\.ts$)" },
    },
    {
      name: "person-store-through-its-class",
      comment: "the layout of the person store is private: presence/ uses PersonStore alone",
      severity: "error",
      from: { path: "^src/presence/", pathNot: "^src/presence/store/" },
      to: { path: "^src/presence/store/(?!person-store\\.ts$)" },
    },
    {
      name: "person-store-in-presence-only",
      severity: "error",
      from: { path: "^src/(?!presence/)" },
      to: { path: "^src/presence/store/" },
    },
    {
      name: "product-without-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|simulator|bench|scripts)/" },
    },
    {
      name: "simulator-stands-alone",
      comment: "the reference host uses the client; the demo draws the table of the command line",
      severity: "error",
      from: { path: "^simulator/(?!demo/)" },
      to: { path: "^(src/(?!client/client\\.ts$)|test/|bench/)" },
    },
    {
      name: "demo-draws-with-the-command-line",
      severity: "error",
      from: { path: "^simulator/demo/" },
      to: { path: "^(src/(?!cli/|client/client\\.ts$)|test/|bench/)" },
    },
    { name: "not-to-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
