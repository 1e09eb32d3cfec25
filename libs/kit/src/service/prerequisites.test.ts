import { BrokerError } from '@convergekit/broker';
import { ConvergeError } from '@convergekit/core';
import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { prerequisites } from './prerequisites.ts';

const down = (message: string) =>
  new BrokerError(message, { code: 'X', kind: 'retry', certainty: 'not_applied' });

function asked(check: () => Promise<void>) {
  const clock = manualClock();
  const lines: string[] = [];
  const say = (text: string) => void lines.push(text);
  const log = { info: say, warn: say } as never;
  const needed = [{ name: 'broker', check }];
  return { clock, lines, waiting: prerequisites({ needed, log, clock, random: () => 0.5 }) };
}

it('prerequisites that are down are waited for, and each reason is logged once', async () => {
  const world = { why: 'no broker', up: false };
  const { clock, lines, waiting } = asked(() =>
    world.up ? Promise.resolve() : Promise.reject(down(world.why)),
  );
  const started = waiting.start();
  await clock.advance(20_000);
  expect(lines).toEqual(['broker: no broker. Waiting for it.']);
  expect(waiting.checks()).toEqual({ broker: { ok: false, detail: 'no broker' } });
  world.why = 'is it the right one?';
  await clock.advance(20_000);
  world.up = true;
  await clock.advance(5_000);
  await started;
  expect(lines).toEqual([
    'broker: no broker. Waiting for it.',
    'broker: is it the right one? Waiting for it.',
    'broker: answers now',
  ]);
  expect(waiting.checks()).toEqual({ broker: { ok: true } });
  await waiting.stop();
});

it('prerequisites that only a change of settings can fix end the start', async () => {
  const wrong = new ConvergeError('no such database', {
    code: 'DATABASE_MISSING',
    category: 'configuration',
    certainty: 'not_applied',
  });
  const { waiting, lines } = asked(() => Promise.reject(wrong));
  await expect(waiting.start()).rejects.toBe(wrong);
  expect(lines).toEqual([]);
});

it('a stop ends the wait for prerequisites at once', async () => {
  const { clock, waiting } = asked(() => Promise.reject(down('no broker')));
  const started = expect(waiting.start()).rejects.toMatchObject({ code: 'STOPPED' });
  await clock.advance(1_000);
  await waiting.stop();
  await started;
});
