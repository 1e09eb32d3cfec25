/**
 * Runs a command that stays up until Ctrl-C: `stays-up.ts "<what it prints when ready>" make dev`. Fails when it ends by
 * itself, when a port that it prints is open beyond this machine, or when a process or the record of a stack is left after
 * Ctrl-C.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { stackStatus } from '@convergekit/testing/internal';
import { identityOf, isAlive, type ProcessIdentity } from '../../libs/testing/src/stack/process-identity.ts';
import { program } from '../interrupt.ts';
import { run } from '../programs.ts';

/** A program without an open handle ends within milliseconds; a busy machine is given more. */
const STAYS_MS = 5_000;
const [ready = '', command = '', ...args] = process.argv.slice(2);

await program('stays-up', async (signal) => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = once(child, 'exit');
  let started: readonly ProcessIdentity[] = [];
  try {
    const output = await Promise.race([printed(child, ready), once(signal, 'abort').then(() => '')]);
    await Promise.race([ended, systemClock.sleep(STAYS_MS)]);
    if (hasEnded(child)) throw new Error('it ended by itself once it was ready');
    started = await treeOf(child.pid ?? 0);
    await checkPorts(output);
  } finally {
    // Ctrl-C reaches the whole group.
    if (!hasEnded(child)) process.kill(-(child.pid ?? 0), 'SIGINT');
    await ended;
  }
  // A program that make ran may end a moment after make.
  const what = 'the end of all that was started';
  await waitUntil(() => leftOf(started) === '', { what, deadlineMs: 30_000 }).catch(() => {
    throw new Error(`left after Ctrl-C: ${leftOf(started)}`);
  });
  process.stdout.write(`${started.length} processes were up, and ended at Ctrl-C\n`);
  return 0;
});

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** The processes that live, and the records of stacks that belong to one of them. */
function leftOf(started: readonly ProcessIdentity[]): string {
  const pids = new Set(started.map(({ pid }) => pid));
  const records = stackStatus().instances.filter(({ owner }) => pids.has(owner.pid));
  return [
    ...started.filter(isAlive).map((one) => `process ${one.pid} (${one.command})`),
    ...records.map(({ kind, owner }) => `the record of the ${kind} of process ${owner.pid}`),
  ].join(', ');
}

/** Resolves with what the program has printed when the text is in it; rejects when it ends before. */
async function printed(child: ChildProcess, text: string): Promise<string> {
  let output = '';
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      output += chunk.toString();
      if (output.includes(text)) resolve(undefined);
    });
  child.once('exit', (code) =>
    reject(new Error(`it ended with ${code ?? 'a signal'} before it printed "${text}"`)),
  );
  await promise;
  return output;
}

/** Rejects when a port that was printed is open beyond this machine: then another address of the machine answers, too. */
async function checkPorts(output: string): Promise<void> {
  for (const [, port = ''] of output.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)) {
    const answer = await fetch(`http://127.0.0.2:${port}/`).catch(() => undefined);
    if (answer !== undefined) throw new Error(`port ${port} is open to the network`);
  }
}

/** A process and all that descend from it. */
async function treeOf(root: number): Promise<readonly ProcessIdentity[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid=']);
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = new Set([root]);
  for (let size = 0; size < found.size;) {
    size = found.size;
    for (const [pid = 0, parent = 0] of pairs) if (found.has(parent)) found.add(pid);
  }
  return [...found].flatMap((pid) => identityOf(pid) ?? []);
}
