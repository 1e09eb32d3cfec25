/** Code that was removed once, and a test here failed: that only a standby is spoken for (the relay says the same of itself). */
import { BrokerError } from '@convergekit/broker';
import { manualClock } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { brokerNotice } from './broker-notice.ts';

function asked() {
  const clock = manualClock();
  const lines: string[] = [];
  const world = { down: true, standsBy: false };
  const admin = () =>
    world.down
      ? Promise.reject(new BrokerError('no broker', { code: 'X', kind: 'retry', certainty: 'not_applied' }))
      : Promise.resolve({ close: () => Promise.resolve() });
  const say = (text: string) => void lines.push(text);
  const notice = brokerNotice({
    broker: { admin } as never,
    standsBy: () => world.standsBy,
    log: { info: say, warn: say } as never,
    clock,
  });
  return { notice, clock, lines, world };
}

test('a relay that may lead logs no notice about its broker, and its readiness names the broker all the same', async () => {
  const { notice, clock, lines, world } = asked();
  await notice.start();
  await clock.advance(10_000);
  expect(lines).toEqual([]);
  expect(notice.check()).toEqual({ ok: false, detail: 'no broker' });
  world.down = false;
  await clock.advance(2_000);
  expect(notice.check()).toEqual({ ok: true });
  expect(lines).toEqual([]);
  await notice.stop();
});

test('a standby logs once that it could not take over, and once that it could again', async () => {
  const { notice, clock, lines, world } = asked();
  await notice.start();
  world.standsBy = true;
  await clock.advance(10_000);
  expect(lines).toEqual(['this standby could not take over: no broker']);
  world.down = false;
  await clock.advance(2_000);
  expect(lines).toEqual(['this standby could not take over: no broker', 'a broker answers now']);
  await notice.stop();
});
