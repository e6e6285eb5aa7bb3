// Runs single test files on Windows as the Windows suite does, after `npm run compile`. Arguments
// go to mocha:
//   node scripts/windows-mocha.mjs build/test/windows/paths.test.js
import { openWindows } from "./windows.mjs";

const windows = await openWindows();
try {
  process.exitCode = await windows.runMocha(process.argv.slice(2), {});
} finally {
  windows.close();
}
