import { readFileSync } from "node:fs";
import { expect } from "chai";
import { FAULT_KINDS } from "../../../simulator/faults.js";
import { GATEWAY_FORMS } from "../../../simulator/gateway-responses.js";
import { knobTable } from "../../../simulator/knobs.js";

describe("docs/simulator.md", () => {
  const page = readFileSync("docs/simulator.md", "utf8");

  it("lists the current knobs", () => {
    const cells = (text: string): string[] =>
      text
        .split("\n")
        .filter((line) => line.startsWith("| `"))
        .map((line) => line.replaceAll(/\s+/g, " "));
    const section = page.slice(page.indexOf("## Knobs"), page.indexOf("## Faults"));
    expect(cells(section)).to.deep.equal(cells(knobTable()));
  });

  it("lists every kind of fault and every form of a gateway's response", () => {
    const section = page.slice(page.indexOf("## Faults"), page.indexOf("## Control endpoints"));
    const names = [...FAULT_KINDS, ...Object.keys(GATEWAY_FORMS)];
    expect(names.filter((name) => !section.includes(`\`${name}\``))).to.deep.equal([]);
  });

  it("has the right Content-Length in its example of the framing", () => {
    const match = /Content-Length: (\d+)\\r\\n\n\\r\\n\n(\{.*\})/.exec(page);
    expect(Number(match?.[1])).to.equal(Buffer.byteLength(match?.[2] ?? ""));
  });
});
