import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
export function forgetRunning(): void {
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
