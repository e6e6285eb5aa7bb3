// Installs the real parts that tests use and the machine lacks. Where that is not possible it says so; the tests that need a
// missing part then say it again and, under CI=true, fail.
import { execFileSync, spawnSync } from "node:child_process";

const parts = [
  { package: "gnome-keyring", there: () => onPath("gnome-keyring-daemon") },
  {
    package: "libsecret-1-0",
    there: () => succeeds("sh", ["-c", "ldconfig -p | grep -q libsecret-1"]),
  },
  { package: "dbus", there: () => onPath("dbus-run-session") },
  { package: "libsecret-tools", there: () => onPath("secret-tool") },
  {
    package: "python3-pylsp-jsonrpc",
    there: () => succeeds("/usr/bin/python3", ["-c", "import pylsp_jsonrpc"]),
  },
  { package: "tinyproxy", there: () => onPath("tinyproxy") },
  { package: "openssl", there: () => onPath("openssl") },
  { package: "chromium", there: () => onPath("chromium") },
];

function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

function onPath(name) {
  return succeeds("which", [name]);
}

if (process.platform === "linux") {
  const missing = parts.filter((part) => !part.there()).map((part) => part.package);
  if (missing.length > 0) {
    const canInstall = process.getuid?.() === 0 && onPath("apt-get");
    if (canInstall) {
      console.error(
        `Installing what the tests need: ${missing.join(", ")} (this can take a minute).`,
      );
      const options = {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      };
      try {
        execFileSync("apt-get", ["update", "-qq"], options);
        execFileSync(
          "apt-get",
          ["install", "-y", "-qq", "--no-install-recommends", ...missing],
          options,
        );
      } catch (error) {
        console.error(`Could not install them: ${error.message}`);
      }
    } else {
      console.error(
        `MISSING, and not installed because this is not root with apt-get: ${missing.join(", ")}.`,
      );
    }
  }
}
