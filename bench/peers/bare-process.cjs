// A Node process that does nothing, to measure the memory of Node itself.
process.stdin.resume();
process.stdout.write(".");
