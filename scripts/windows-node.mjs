// Runs a Windows Node.js with the arguments given, as the Windows suite does: under Wine, in a new
// prefix that it removes afterwards. For example, a single test file, after `npm run compile`:
//   node scripts/windows-node.mjs node_modules/mocha/bin/mocha.js build/test/windows/paths.test.js
import { openWindows } from "./windows.mjs";

const windows = await openWindows();
try {
  process.exitCode = await windows.run(process.argv.slice(2), {});
} finally {
  windows.close();
}
