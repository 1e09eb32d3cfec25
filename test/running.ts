import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Reporter } from 'vitest/node';

/**
 * What each worker is at, in a file of its own. A worker whose event loop is blocked can report nothing, so it writes
 * before it begins.
 */
const folder = join(import.meta.dirname, '../.converge/running');

/** The longest that a worker is silent while it loads a file and runs its hooks. */
const HOOKS_MS = 600_000;
/** What a worker needs after a time limit has passed, to report it. */
const GRACE_MS = 30_000;

interface Running {
  readonly what: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Forgets what the workers of an earlier run were at. */
function forgetRunning(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

/** Notes what this worker begins now, and its time limit; `undefined` when it has nothing to do. */
export function noteRunning(what: string | undefined, limitMs = HOOKS_MS): void {
  const file = join(folder, String(process.pid));
  if (what === undefined) return rmSync(file, { force: true });
  const running: Running = { what, until: Date.now() + limitMs + GRACE_MS };
  writeFileSync(file, JSON.stringify(running));
}

/** Lists what should have ended before `now`. */
export function hanging(now: number): readonly string[] {
  return readdirSync(folder)
    .map((file) => readRunning(join(folder, file)))
    .flatMap((running) => (running !== undefined && running.until < now ? [running.what] : []));
}

/** Returns undefined for a file that its worker is writing, or has just removed. */
function readRunning(file: string): Running | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Running;
  } catch {
    return undefined;
  }
}

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
