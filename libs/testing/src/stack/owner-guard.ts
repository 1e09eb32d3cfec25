import { spawn } from 'node:child_process';
import type { OwnedProcess } from './owned-process.ts';

/**
 * Ends the server `$1` when its standard input ends. Postgres waits at SIGTERM until its clients have gone: services of the
 * same owner finish their work first. `$2` ends it for clients that stay.
 */
const GUARD = `
  read -r _
  kill -TERM "$1"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    sleep 1
    kill -0 "$1" || exit 0
  done
  kill -"$2" "$1"`;

/**
 * Ends a server when this process has ended without a stop: by SIGKILL, or with its terminal. The pipe to the guard then
 * closes, which no handler of this process could see to.
 */
export function guardOwner(server: OwnedProcess, stopSignal: NodeJS.Signals): void {
  if (server.pid === undefined) return;
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', String(server.pid), stopSignal.slice(3)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a shell the next start in the folder ends the server.
  guard.on('error', () => undefined);
  guard.unref();
  void server.ended.then(() => guard.kill('SIGKILL'));
}
