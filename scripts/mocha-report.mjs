// What scripts/test.mjs needs to know of a run of mocha: a reporter that also writes the counts to
// the file named by the option `output`, and a root hook that appends each test's duration and
// timeout, a JSON object a line, to a file of this process in the folder that TEST_TIMINGS names.
// The timeouts need a hook, because in parallel mode reporters do not learn them.
import { randomUUID } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import Mocha from "mocha";

export default class SpecAndCounts extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const { output } = options.reporterOptions;
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(output, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
}

/** Under Wine, processes that append to one file write over each other. */
const timingsName = `${randomUUID()}.jsonl`;

export const mochaHooks = {
  afterEach() {
    const test = this.currentTest;
    if (test?.duration === undefined || process.env.TEST_TIMINGS === undefined) return;
    const compiled = relative("build", test.file ?? "");
    const system = process.platform === "win32" ? "Windows: " : "";
    const row = {
      file: system + compiled.replaceAll("\\", "/").replace(/\.js$/, ".ts"),
      title: test.fullTitle(),
      duration: test.duration,
      timeout: test.timeout(),
    };
    appendFileSync(join(process.env.TEST_TIMINGS, timingsName), `${JSON.stringify(row)}\n`);
  },
};
