import { readFileSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";

import { expect } from "chai";

import { RpcCode } from "../../src/rpc/errors.js";
import { settingsTableMarkdown, SETTING_KEYS } from "../../src/settings/keys.js";
import { desiredState } from "../../src/supervisor/desired-state.js";
import { PROBLEM_SEVERITY } from "../../src/faults/problem-catalog.js";
import { USAGE } from "../../src/worker/launch-options.js";
import { observedState, type ObservedFacts } from "../support/observed-state-fixture.js";
import { codesIn, MarkdownPage } from "../support/markdown-page-fixture.js";

const readme = new MarkdownPage("README.md");
const errors = new MarkdownPage("docs/errors.md");
const lifecycle = new MarkdownPage("docs/lifecycle.md");
const architecture = new MarkdownPage("docs/architecture.md");

function exitCodesOf(source: string, pattern: RegExp): number[] {
  const found = pattern.exec(readFileSync(source, "utf8"))?.[1] ?? "";
  return found.split("|").map(Number);
}

describe("the tables of settings", () => {
  for (const page of [readme, new MarkdownPage("docs/settings.md")]) {
    it(`${page.path} is up to date (otherwise: npm run generate)`, () => {
      expect(page.text).to.include(settingsTableMarkdown());
    });
  }

  it("contain every key that other pages mention", () => {
    const names = Object.values(SETTING_KEYS).map(({ name }) => name);
    // The example of `settingsUnknown`.
    names.push("WebexPresence.PollIntervallSeconds");
    for (const path of [
      "README.md",
      "docs/settings.md",
      "docs/operations.md",
      "docs/errors.md",
      "docs/lifecycle.md",
      "docs/protocol.md",
    ]) {
      for (const [name] of new MarkdownPage(path).text.matchAll(/\bWebexPresence\.[A-Z]\w+/g))
        expect(names, path).to.include(name);
    }
  });
});

describe("docs/errors.md", () => {
  it("documents each problem with its severity, and no other", () => {
    const [rows = []] = errors.section("Problems").tables;
    expect(rows.map(([code = "", severity]) => [codesIn(code)[0], severity])).to.deep.equal(
      Object.entries(PROBLEM_SEVERITY),
    );
  });

  it("suggests remedies for problems that exist", () => {
    const [problems = []] = errors.section("Troubleshooting").tables;
    const codes = problems.flatMap(([code = ""]) => codesIn(code));
    expect(codes.length).to.be.greaterThan(8);
    for (const code of codes) expect(PROBLEM_SEVERITY).to.have.property(code);
  });

  it("documents each error of the protocol, and no other", () => {
    const [rows = []] = errors.section("Errors").tables;
    const documented = rows.map(
      ([code, name = ""]) => [codesIn(name)[0] ?? "", Number(code)] as const,
    );
    expect(Object.fromEntries(documented)).to.deep.equal(RpcCode);
  });

  it("documents each exit code, and no other, as does docs/lifecycle.md", () => {
    const ends = exitCodesOf("src/worker/worker.ts", /export type ExitCode = ([\d |]+);/);
    const refusal = exitCodesOf("src/main.ts", /process\.exitCode = (\d+);/);
    const all = [...ends, ...refusal].sort((a, b) => a - b);
    expect(all).to.deep.equal([0, 1, 2, 65, 70]);
    const codesOf = (page: MarkdownPage): number[] =>
      page.tables.at(-1)!.map(([code]) => Number(code));
    expect(codesOf(errors.section("Exit codes"))).to.deep.equal(all);
    expect(codesOf(lifecycle.section("Stop"))).to.deep.equal(all);
  });
});

describe("docs/protocol.md", () => {
  it("documents each launch option, and no other", () => {
    const launch = new MarkdownPage("docs/protocol.md").section("Launch");
    const [rows = []] = launch.tables;
    const options = [...USAGE.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    expect(rows.map(([option = ""]) => codesIn(option)[0])).to.deep.equal(options);
    expect(launch.fences[0]?.text.trim()).to.equal(
      USAGE.replace("usage: worker", "node dist/worker.cjs"),
    );
  });
});

describe("docs/lifecycle.md", () => {
  it("documents every phase", () => {
    const [rows = []] = lifecycle.section("Phases").tables;
    expect(rows.map(([phase = ""]) => codesIn(phase)[0])).to.have.members([
      "starting",
      "disabled",
      "blocked",
      "polling",
      "stopping",
    ]);
  });

  const [decisions = []] = lifecycle.section("What decides the phase").tables;
  const order = (cells: string[]): Record<string, string> => {
    const [settings = "", host = "", authorizations = "", webex = "", phase = ""] = cells;
    return { settings, host, authorizations, webex, phase: codesIn(phase)[0] ?? "" };
  };

  /** The observed states that a row describes; `any` means each other value of the column. */
  function combinations(row: Record<string, string>): ObservedFacts[] {
    const choices: Record<string, Record<string, Partial<ObservedFacts>>> = {
      settings: { "not read": { enable: null }, "0": { enable: false }, "1": { enable: true } },
      host: { accepted: { isHostRejected: false }, refused: { isHostRejected: true } },
      authorizations: {
        "not read": { grants: "unread" },
        none: { grants: [] },
        some: { grants: ["a", "b"] },
      },
      webex: {
        "refuses none": { refused: [] },
        "refuses some": { refused: ["a"] },
        "refuses all": { refused: ["a", "b"] },
      },
    };
    return Object.entries(choices).reduce<ObservedFacts[]>(
      (before, [column, values]) => {
        const value = row[column]!;
        if (value !== "any" && !(value in values))
          throw new Error(`${column} has no value "${value}".`);
        const facts = value === "any" ? Object.values(values) : [values[value]!];
        return before.flatMap((known) => facts.map((fact) => ({ ...known, ...fact })));
      },
      [{ enable: null, grants: "unread" }],
    );
  }

  for (const [position, row] of decisions.map(order).entries()) {
    it(`agrees with the code: ${Object.values(row).join(", ")}`, () => {
      const earlier = decisions.map(order).slice(0, position).flatMap(combinations);
      const covered = new Set(earlier.map((facts) => JSON.stringify(facts)));
      const uncovered = combinations(row).filter((facts) => !covered.has(JSON.stringify(facts)));
      expect(uncovered).not.to.be.empty;
      for (const facts of uncovered) {
        const { phase } = desiredState(observedState(facts));
        expect(phase, JSON.stringify(facts)).to.equal(row.phase);
      }
    });
  }
});

describe("docs/architecture.md", () => {
  const { forbidden } = createRequire(import.meta.url)(
    `${process.cwd()}/.dependency-cruiser.cjs`,
  ) as {
    forbidden: { name: string; from: { path?: string }; to: { path?: string; pathNot?: string } }[];
  };

  it("lists the allowed imports (otherwise: npm run generate)", () => {
    const [rows = []] = architecture.section("Who may import whom").tables;
    const folderRules = forbidden.filter(({ name }) => name.endsWith("-imports"));
    expect(rows.map(([folder = ""]) => `${codesIn(folder)[0]}-imports`)).to.have.members(
      folderRules.map(({ name }) => name),
    );
    for (const [folder = "", whole = "", types = ""] of rows) {
      const name = codesIn(folder)[0]!;
      const { from, to } = folderRules.find((rule) => rule.name === `${name}-imports`)!;
      expect(new RegExp(from.path!).test(`src/${name}/x.ts`)).to.equal(true);
      const allowed = new Set([name, ...codesIn(whole), ...codesIn(types)]);
      for (const target of readdirSync("src").filter((entry) =>
        statSync(`src/${entry}`).isDirectory(),
      )) {
        const isForbidden =
          new RegExp(to.path!).test(`src/${target}/x.ts`) &&
          !new RegExp(to.pathNot!).test(`src/${target}/x.ts`);
        expect(isForbidden, `${name} to ${target}`).to.equal(!allowed.has(target));
      }
      const typesRule = forbidden.find((rule) => rule.name === `${name}-imports-types`);
      const onlyTypes = codesIn(types);
      expect(typesRule !== undefined, name).to.equal(onlyTypes.length > 0);
      for (const target of onlyTypes)
        expect(new RegExp(typesRule!.to.path!).test(`src/${target}/x.ts`), target).to.equal(true);
    }
  });

  const entries = readdirSync("src").map((name) =>
    statSync(`src/${name}`).isDirectory() ? `${name}/` : name,
  );

  it("lists every folder, as does the diagram of the README", () => {
    const [rows = []] = architecture.section("The folders").tables;
    expect(rows.map(([folder = ""]) => codesIn(folder)[0])).to.have.members(
      entries.map((entry) => `src/${entry}`),
    );
    const diagram = readme.section("Inside").fences.find(({ text }) => text.includes("src/\n"));
    const inDiagram = [...(diagram?.text ?? "").matchAll(/^[├└]── (\S+)/gm)].map(
      (match) => match[1],
    );
    expect(inDiagram).to.have.members(entries);
  });

  it("names files that exist", () => {
    const [rows = []] = architecture.section("The folders").tables;
    for (const [folder = "", , files = ""] of rows) {
      const [path = ""] = codesIn(folder);
      for (const file of codesIn(files)) expect(readdirSync(path), path).to.include(file);
    }
  });

  it("lists every port with its adapters", () => {
    const [rows = []] = architecture.section("Ports and their adapters").tables;
    const ports = readdirSync("src/ports").filter(
      (name) => name.endsWith(".ts") && !name.endsWith(".d.ts"),
    );
    expect(rows.map(([port = ""]) => codesIn(port)[0])).to.have.members(
      ports.map((name) => `ports/${name}`),
    );
    const files = readdirSync("src/platform", { recursive: true, encoding: "utf8" }).map(
      (name) => `platform/${name.replaceAll("\\", "/")}`,
    );
    for (const [, adapters = ""] of rows) {
      for (const adapter of codesIn(adapters).filter((code) => !code.includes("*")))
        expect(files).to.include(adapter);
    }
  });
});
