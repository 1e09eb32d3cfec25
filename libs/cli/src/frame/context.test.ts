import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type CommandContext, inContext } from './context.ts';
import { createOutput } from './output.ts';
import { readSettings } from '../../../operate/src/host/settings.ts';

interface Given {
  readonly terminal?: boolean;
  readonly signal?: AbortSignal;
}

/** Runs a work in the context of a command, and returns its operator's terminal. */
function inside<T>(work: (context: CommandContext) => Promise<T>, { terminal = true, signal }: Given = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  const stderr = new PassThrough();
  const streams = { stdin, stderr, stdout: new PassThrough() };
  const settings = readSettings({});
  const output = createOutput(streams, { json: false, quiet: false });
  const ended = inContext({ settings, output, streams, signal, name: 'jars drop', yes: false }, work);
  return { stdin, stderr, ended };
}

const confirm = (context: CommandContext): Promise<void> => context.confirm('Drop 3 jars?');

describe('the context of a command', () => {
  it('a command that asks goes on with a yes, and with every other answer changes nothing', async () => {
    const asked = inside(confirm);
    asked.stdin.write('y\n');
    await expect(asked.ended).resolves.toBeUndefined();
    expect(String(asked.stderr.read())).toContain('Drop 3 jars? [y/N] ');
    const refused = inside(confirm);
    refused.stdin.write('\n');
    await expect(refused.ended).rejects.toThrow('nothing was changed: not confirmed');
  });

  it('a command that asks is refused where there is no terminal', async () => {
    await expect(inside(confirm, { terminal: false }).ended).rejects.toThrow(
      'there is no terminal; add --yes',
    );
  });

  it('a command that handles Ctrl-C is stopped by it and by its caller, and handles it no longer than it runs', async () => {
    const caller = new AbortController();
    const before = process.listenerCount('SIGINT');
    const { ended } = inside(
      (context) => {
        const byCaller = context.stopRequested();
        expect(process.listenerCount('SIGINT')).toBe(before + 1);
        caller.abort();
        return Promise.resolve(byCaller.aborted);
      },
      { signal: caller.signal },
    );
    expect(await ended).toBe(true);
    expect(process.listenerCount('SIGINT')).toBe(before);
    const bySignal = inside((context) => {
      const stop = context.stopRequested();
      process.emit('SIGINT', 'SIGINT');
      return Promise.resolve(stop.aborted);
    });
    expect(await bySignal.ended).toBe(true);
  });
});
