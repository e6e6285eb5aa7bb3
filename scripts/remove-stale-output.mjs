// Removes compiled files from build/ whose source has been moved or deleted: mocha would run them.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

for (const folder of ["src", "simulator", "bench", "test"]) {
  const output = join("build", folder);
  if (!existsSync(output)) continue;
  for (const name of readdirSync(output, { recursive: true })) {
    const source = /^(.*)\.js(\.map)?$/.exec(name)?.[1];
    if (source !== undefined && !existsSync(join(folder, `${source}.ts`))) {
      rmSync(join(output, name));
    }
  }
}
