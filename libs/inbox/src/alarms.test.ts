import { CATEGORIES } from '@convergekit/core/engine';
import { kindOf } from '@convergekit/resilience/engine';
import { expect, it } from 'vitest';
import { alarmDefinitions, alarmOf, deadLetterAlarm } from './alarms.ts';

it('S53: a structural failure alarms at its first attempt, and a transient one never', () => {
  const alarms = CATEGORIES.flatMap((category) =>
    [false, true].map((structural) => alarmOf(kindOf({ category, structural }), 'retry') ?? '-'),
  );
  expect(alarms.filter((_, at) => at % 2 === 1)).toEqual(CATEGORIES.map(() => 'structural'));
  expect(alarms.filter((_, at) => at % 2 === 0)).toEqual(
    CATEGORIES.map((category) => (category === 'configuration' ? 'structural' : '-')),
  );
  expect([deadLetterAlarm('data', 'DATA_INVALID'), deadLetterAlarm('transient', 'X')]).toEqual([
    'data',
    'exhausted',
  ]);
});

it('each command of the kit that an alarm of consumers advises is written whole: with its program, and with the reason that it asks for', () => {
  const commands = Object.values(alarmDefinitions).flatMap(({ next }) => next.match(/`[^`]+`/g) ?? []);
  const ours = commands.filter((one) =>
    /^`(converge )?(consumers|parked|source|policy|effects|audit)\b/.test(one),
  );
  expect(ours.filter((one) => !one.startsWith('`converge '))).toEqual([]);
  const acts = ours.filter((one) => one.includes('consumers resume'));
  expect(acts.length).toBeGreaterThan(5);
  expect(acts.filter((one) => !/ resume <consumer> .*--reason "…"/.test(one))).toEqual([]);
});
