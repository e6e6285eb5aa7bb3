// A mocha root hook that appends each test's duration and timeout, a JSON object a line, to the
// file that TEST_TIMINGS names. It is a hook and no reporter, because in parallel mode reporters do
// not learn the timeouts.
import { appendFileSync } from "node:fs";
import { relative } from "node:path";

const file = process.env.TEST_TIMINGS;

export const mochaHooks =
  file === undefined
    ? {}
    : {
        afterEach() {
          const test = this.currentTest;
          if (test?.duration === undefined) return;
          const row = {
            file: relative(process.cwd(), test.file ?? ""),
            title: test.fullTitle(),
            duration: test.duration,
            timeout: test.timeout(),
          };
          appendFileSync(file, `${JSON.stringify(row)}\n`);
        },
      };
