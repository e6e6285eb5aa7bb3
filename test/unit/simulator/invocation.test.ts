import { join, resolve } from "node:path";
import { expect } from "chai";

import { invocation } from "../../../simulator/invocation.js";

describe("simulator/invocation", () => {
  const folder = resolve("/opt/ucx");
  const launch = {
    npmScript: undefined,
    node: resolve("/usr/bin/node"),
    script: join(folder, "dist", "demo.mjs"),
    folder,
  };

  it("names the npm script that launched the program, and no other", () => {
    expect(invocation("demo", { ...launch, npmScript: "demo" })).to.equal("npm run demo --");
    const other = invocation("demo", { ...launch, npmScript: "test" });
    expect(other).to.equal(`node ${join("dist", "demo.mjs")}`);
  });

  it("names the runtime of a release folder", () => {
    const node = join(folder, "runtime", "node.exe");
    const bundled = { ...launch, node };
    expect(invocation("demo", bundled)).to.equal(
      `${join("runtime", "node.exe")} ${join("dist", "demo.mjs")}`,
    );
    expect(invocation("demo", { ...bundled, folder: join(folder, "docs") })).to.equal(
      `${join("..", "runtime", "node.exe")} ${join("..", "dist", "demo.mjs")}`,
    );
  });

  it("names the script as seen from the current folder, in quotation marks if necessary", () => {
    const script = resolve("/opt/my folder/dist/demo.mjs");
    expect(invocation("demo", { ...launch, script, folder: resolve("/opt") })).to.equal(
      `node "${join("my folder", "dist", "demo.mjs")}"`,
    );
  });
});
