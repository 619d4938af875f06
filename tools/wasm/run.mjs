// MicroPython on wasm32, with parts of the project in its file system.
//
//     node tools/wasm/run.mjs ROOT PATHS SCRIPT [ARGUMENT...]
//
// PATHS (folders of ROOT, joined by ":") become sys.path; they and host_tests are copied in, below
// /project. Then SCRIPT runs with sys.argv. If it leaves a function `turn`, that is called until it
// returns false, each time from here: this port collects garbage only between such calls.
//
// HEAP=BYTES in the environment: the heap has so many bytes, and from the first turn on it can't
// grow, as on a board: MemoryError comes where the garbage of one turn and what is held fill it.

import { readdirSync, readFileSync, writeSync } from "node:fs";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const [root, paths, script, ...rest] = process.argv.slice(2);
const write = (text) => writeSync(1, text + "\n");
const bound = Number(process.env.HEAP);
if (bound) console.error = () => {}; // emscripten's words on every allocation that fails
const heapsize = bound || 8 << 20;
const mp = await loadMicroPython({ heapsize, pystack: 8192, stdout: write, stderr: write });

// MicroPython makes its heap larger by malloc, so there shall be nothing left to allocate.
function fix() {
  WebAssembly.Memory.prototype.grow = () => {
    throw new RangeError("the heap has its bound");
  };
  const { _malloc, _free } = mp._module;
  const crumbs = []; // for runPython's own few bytes; too small for a heap
  for (let size = 1 << 20; size >= 32; ) {
    const got = _malloc(size);
    if (!got) size >>= 1;
    else if (size === 32) crumbs.push(got);
  }
  // Not neighbours, which would make a larger piece.
  crumbs.filter((_, i) => i % 2).forEach(_free);
}

function copy(folder) {
  mp.FS.mkdirTree("/project/" + folder);
  for (const entry of readdirSync(`${root}/${folder}`, { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!["__pycache__", "node_modules"].includes(entry.name)) copy(name);
    } else if (/\.(py|mpy|json|zone|txt)$/.test(entry.name)) {
      mp.FS.writeFile("/project/" + name, readFileSync(`${root}/${name}`));
    }
  }
}

// An exception is shown by Python: on its way to JavaScript it would want memory, and the port
// hangs if there is none. So there is a reserve, of which clear() gives back all at once.
const TURN = `def one_turn(reserve=[0] * 1000):
    try:
        return bool(turn())
    except BaseException as e:
        reserve.clear()
        sys.print_exception(e, sys.stdout)`;

const folders = paths.split(":");
for (const folder of ["host_tests", ...folders]) copy(folder);
mp.FS.chdir("/project");
const list = (items) => `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
try {
  mp.runPython(`import sys
sys.path[:] = ${list(folders.map((folder) => "/project/" + folder))}
sys.argv[:] = ${list([script, ...rest])}`);
  mp.runPython(readFileSync(`${root}/${script}`, "utf8"));
  if (mp.globals.get("turn")) {
    mp.runPython(TURN);
    const turn = mp.globals.get("one_turn");
    if (bound) fix();
    let more;
    while ((more = turn()));
    if (more === null) process.exitCode = 1;
  }
} catch (error) {
  if (error.name !== "PythonError") throw error;
  write(error.message);
  process.exitCode = 1;
}
