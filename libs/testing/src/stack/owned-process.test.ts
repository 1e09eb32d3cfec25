import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = `
  const { OwnedProcess } = await import('./owned-process.ts');
  const folder = process.argv[1];
  const owned = OwnedProcess.start({
    command: process.execPath,
    args: ['-e', 'setInterval(() => undefined, 1000)'],
    cwd: folder,
    logFile: folder + '/log',
    pidFile: folder + '/pid',
  });
  await owned[process.argv[2]]();
  console.log(owned.exit);`;

// Planted fault: without `ref` in `kill`, Node ends there with nothing printed.
it.each([
  ['kill', 'SIGKILL'],
  ['stop', 'SIGTERM'],
])('a process whose last act is to %s a child waits for its end, and continues', async (act, signal) => {
  const folder = mkdtempSync(join(tmpdir(), 'owned-'));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=source', '--input-type=module', '-e', program, folder, act],
    { cwd: import.meta.dirname },
  );
  expect(stdout).toBe(`${signal}\n`);
});
