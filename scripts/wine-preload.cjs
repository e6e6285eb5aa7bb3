// What Wine lacks and Windows has; loaded into the test runner's processes, and into those that a
// test names, when the Windows suite runs under Wine. Never into the worker that ships.
"use strict";
const { ChildProcess } = require("node:child_process");
const { appendFileSync } = require("node:fs");
const { Socket } = require("node:net");

// Wine does not know TCP_KEEPIDLE. libuv remembers a failed request for it on a socket that is not
// connected yet, and fails the connection.
const { setKeepAlive } = Socket.prototype;
Socket.prototype.setKeepAlive = function (...args) {
  return this.connecting ? this : setKeepAlive.apply(this, args);
};

// Under load, Wine's CreateProcess fails about once in a hundred calls, for no reason of its
// caller, and works when called again. Each such call is counted, and the suite prints the number.
const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function (options) {
  const { stdio } = options;
  const envPairs = options.envPairs && [...options.envPairs];
  const handle = this._handle;
  try {
    return spawn.call(this, options);
  } catch (error) {
    if (error.code !== "UNKNOWN" || error.syscall !== "spawn") throw error;
    if (process.env.SPAWN_RETRIES !== undefined) {
      appendFileSync(process.env.SPAWN_RETRIES, `${options.file}\n`);
    }
    // Node.js has closed the handle, and has filled in pipes that are closed, too.
    const other = new handle.constructor();
    for (const key of Reflect.ownKeys(handle)) other[key] = handle[key];
    this._handle = other;
    return spawn.call(this, { ...options, stdio, envPairs });
  }
};
