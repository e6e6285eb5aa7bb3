// Who may import whom in src/ (docs/architecture.md). A room not named in `mayImport` may import nothing but itself.
const mayImport = {
  faults: [],
  ports: ["faults"],
  settings: ["faults", "ports"],
  presence: ["faults", "ports"],
  webex: ["faults", "ports"],
  authorization: ["faults", "ports", "webex"],
  polling: ["faults", "ports", "presence", "webex"],
  supervisor: ["faults", "ports", "settings", "authorization", "polling"],
  rpc: ["faults", "ports", "presence", "supervisor"],
  platform: ["faults", "ports"],
};
const typesOnly = { webex: ["presence"], rpc: ["settings", "authorization"] };

const pure = Object.keys(mayImport).filter((room) => room !== "platform");
const rooms = Object.entries(mayImport).map(([room, targets]) => ({
  name: `${room}-imports`,
  comment: `src/${room} may import: ${targets.join(", ") || "nothing"}${typesOnly[room] ? `; types of ${typesOnly[room].join(", ")}` : ""}`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: {
    path: "^src/",
    pathNot: `^src/(${[room, ...targets, ...(typesOnly[room] ?? [])].join("|")})/`,
  },
}));
const types = Object.entries(typesOnly).map(([room, targets]) => ({
  name: `${room}-imports-types`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: { path: `^src/(${targets.join("|")})/`, dependencyTypesNot: ["type-only"] },
}));

module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    ...rooms,
    ...types,
    {
      name: "ports-are-types",
      comment: "ports/ holds interfaces only",
      severity: "error",
      from: { path: "^src/ports/" },
      to: { dependencyTypesNot: ["type-only"] },
    },
    {
      name: "the-core-is-pure",
      comment:
        "npm packages and node: modules belong in platform/, main.ts and cli/ (zod, being pure, anywhere)",
      severity: "error",
      from: { path: `^src/(${pure.join("|")}|worker)/` },
      to: { pathNot: "^(src/|node_modules/zod/)" },
    },
    {
      name: "nobody-imports-the-top",
      severity: "error",
      from: { path: "^src/(?!main\\.ts|cli/|worker/)" },
      to: { path: "^src/(worker|cli|main\\.ts)" },
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
      comment: "the demo draws the same table as the command line",
      severity: "error",
      from: { path: "^simulator/(?!demo/)" },
      to: { path: "^(src|test|bench)/" },
    },
    {
      name: "demo-draws-with-the-command-line",
      severity: "error",
      from: { path: "^simulator/demo/" },
      to: { path: "^(src/(?!cli/)|test/|bench/)" },
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
