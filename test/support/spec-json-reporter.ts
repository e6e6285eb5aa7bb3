import { writeFileSync } from "node:fs";
import Mocha from "mocha";

/** mocha's spec reporter, which at the end also writes the counts as JSON to the file named by the reporter option `output`. */
export default class SpecJsonReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { output } = options.reporterOptions as { output: string };
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      writeFileSync(output, JSON.stringify({ stats: this.stats }));
    });
  }
}
