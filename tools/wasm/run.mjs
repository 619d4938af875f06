// MicroPython on wasm32, with parts of the project in its file system.
//
//     node tools/wasm/run.mjs ROOT PATHS SCRIPT [ARGUMENT...]
//
// PATHS (folders of ROOT, joined by ":") become sys.path; they and host_tests are copied in, below
// /project. Then SCRIPT runs with sys.argv. If it leaves a function `turn`, that is called until it
// returns false, each time by a runPython of its own: this port collects garbage only between such
// calls.

import { readdirSync, readFileSync, writeSync } from "node:fs";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const [root, paths, script, ...rest] = process.argv.slice(2);
const write = (text) => writeSync(1, text + "\n");
const mp = await loadMicroPython({ heapsize: 8 << 20, pystack: 8192, stdout: write, stderr: write });

function copy(folder) {
  mp.FS.mkdirTree("/project/" + folder);
  for (const entry of readdirSync(`${root}/${folder}`, { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!["__pycache__", "node_modules"].includes(entry.name)) copy(name);
    } else if (/\.(py|mpy|json|zone)$/.test(entry.name)) {
      mp.FS.writeFile("/project/" + name, readFileSync(`${root}/${name}`));
    }
  }
}

const folders = paths.split(":");
for (const folder of ["host_tests", ...folders]) copy(folder);
mp.FS.chdir("/project");
const list = (items) => `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
try {
  mp.runPython(`import sys
sys.path[:] = ${list(folders.map((folder) => "/project/" + folder))}
sys.argv[:] = ${list([script, ...rest])}`);
  mp.runPython(readFileSync(`${root}/${script}`, "utf8"));
  mp.runPython("more = 'turn' in globals()");
  while (mp.globals.get("more")) mp.runPython("more = turn()");
} catch (error) {
  if (error.name !== "PythonError") throw error;
  write(error.message);
  process.exitCode = 1;
}
