import { expect, it } from 'vitest';
import { allCommands, parseOnly } from '../fixture/all-commands.ts';

// Each of these changes what services and reconcilers did or would do, and stores the reason in a row of an audit.
it.each([
  'parked retry',
  'parked skip',
  'parked edit',
  'parked replace',
  'consumers resume',
  'consumers replay',
  'consumers fill',
  'call retry',
  'call resolve',
  'saga retry',
  'saga resolve',
  'saga pause',
  'saga resume',
  'workflow retry',
  'workflow resolve',
  'reconcile approve',
  'reconcile pause',
  'reconcile retry',
  'source disown',
  'topics accept',
  'topics forget',
])('`converge %s` is refused without a reason, and with an empty one', async (name) => {
  const command = (await allCommands()).get(name);
  expect(command?.flags['reason']).toMatchObject({ required: true });
  for (const reason of [[], ['--reason', '  ']])
    await expect(parseOnly([...name.split(' '), 'x', 'x', 'x', ...reason])).rejects.toThrow();
});
