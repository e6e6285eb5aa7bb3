// A Node process that does nothing: what of a process's memory is Node's own.
process.stdin.resume();
process.stdout.write(".");
