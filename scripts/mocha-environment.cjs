// Tests compare what commands print, which these variables change. Mocha loads this file first
// (.mocharc.json), so that commands that tests launch do not inherit them either.
for (const name of ["COLUMNS", "FORCE_COLOR", "NO_COLOR"]) delete process.env[name];
