import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { alarmText, journalAlarms } from './alarm-text.ts';

const guide = readFileSync(new URL('../../../../../docs/guides/alarms.md', import.meta.url), 'utf8');

it.each(Object.entries(journalAlarms))(
  'the guide has the row of %s as the code has it',
  (name, { means, next }) => {
    expect(guide).toContain(`| \`${name}\` | ${means} | ${next} |`);
  },
);

it('an alarm is found in the table of its package, and an unknown name has no text', () => {
  const known = ['events_late', 'gap', 'step_stuck'].map((name) => alarmText(name) !== undefined);
  expect(known).toEqual([true, true, true]);
  expect(['toString', 'no_such'].map(alarmText)).toEqual([undefined, undefined]);
});
