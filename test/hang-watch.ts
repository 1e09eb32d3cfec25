import { spawnSync } from 'node:child_process';
import type { Reporter } from 'vitest/node';
import { forgetRunning, hanging } from './running.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * A vitest reporter that ends a run which hangs, and names the test. A worker whose event loop is blocked cannot keep
 * its own time limits, and vitest would wait for it without end.
 */
export class HangWatch implements Reporter {
  onInit(): void {
    forgetRunning();
    setInterval(look, LOOK_EVERY_MS).unref();
  }
}

function look(): void {
  const found = hanging(Date.now());
  if (found.length === 0) return;
  for (const what of found) process.stderr.write(`hangs past its time limit: ${what}\n`);
  process.stderr.write('the run is ended; the next one removes what its servers left\n');
  // A blocked worker does not notice that its parent has ended.
  spawnSync('pkill', ['-KILL', '-P', String(process.pid)]);
  process.exit(1);
}
