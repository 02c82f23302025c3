import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { useFolder } from '../support/folder.js';

const root = useFolder();

/** Stands for bootstrap.py's own process: says what it got, and works until it is interrupted. */
const work = `import sys, time
print("arguments", sys.argv[1:], "input", repr(sys.stdin.read()), flush=True)
try:
    if "--short" not in sys.argv:
        time.sleep(60)
except KeyboardInterrupt:
    print("saved", flush=True)
    sys.exit(130)
`;

/** Runs `bootstrap.run` in Python as a notebook's cell does. */
function runCell(cell: string): string[] {
  const script = join(root, 'work.py');
  writeFileSync(script, work);
  const program = `import sys\nsys.path.insert(0, ${JSON.stringify(projectPath('kernels'))})\nimport bootstrap\nbootstrap.__file__ = ${JSON.stringify(script)}\n${cell}`;
  const { stdout, stderr } = spawnSync('python3', ['-c', program], { encoding: 'utf8', timeout: 30_000 });
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

describe('bootstrap.run, for notebooks of Kaggle and Colab', () => {
  it('prints what is said, waits for no answer and gives the exit code', () => {
    assert.deepEqual(runCell('print(bootstrap.run(["--short"], 1))'), ["arguments ['--short'] input ''", '0']);
  });

  it('stops after so many hours as Ctrl-C does', () => {
    assert.deepEqual(runCell('print(bootstrap.run([], 2 / 3600))'), ["arguments [] input ''", 'saved', '130']);
  });

  it("stops by the notebook's stop button, and the cell goes on to its end", () => {
    const interrupted = `import os, signal, threading\nthreading.Timer(2, os.kill, [os.getpid(), signal.SIGINT]).start()\nprint(bootstrap.run([], 1))`;
    assert.deepEqual(runCell(interrupted), ["arguments [] input ''", 'saved', '130']);
  });
});
