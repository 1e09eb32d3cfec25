import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { converge } from './run.ts';

/** Runs a command line that needs no server. */
async function ran(...argv: readonly string[]) {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const code = await converge(argv, { streams, env: {} });
  return { code, out: String(streams.stdout.read() ?? ''), err: String(streams.stderr.read() ?? '') };
}

it('help that is asked for exits with 0, and a noun without a command prints its help and exits with 2', async () => {
  expect(await ran('--help')).toEqual({ code: 0, out: expect.stringContaining('converge relay'), err: '' });
  expect(await ran('parked')).toEqual({ code: 2, out: '', err: expect.stringContaining('retry') });
});
