import { systemClock } from '@convergekit/core';
import { logger } from '@convergekit/telemetry';
import { expect, it } from 'vitest';
import { GIVE_UP_LIMIT } from '../alarms.ts';
import { defineConsumer } from '../define/define-consumer.ts';
import { type FailureScene, sceneForEach } from '../fixture/failure-scene.ts';
import type { LedgerDb } from '../fixture/ledger.ts';
import { countGivenUp } from './given-up-sql.ts';
import { pauseForFaults } from './limit-give-ups.ts';

let scene: FailureScene;
const { name, topic, counted } = sceneForEach((opened) => (scene = opened));

const giveUp = (...states: readonly string[]) =>
  scene.database.executor.query(
    `insert into converge.parked (id, consumer, topic, state, handler, partition, record_offset, timestamp_ms, key, headers,
       category, certainty, code, failure_event, last_at)
     select gen_random_uuid(), $1, 't', state, 'h', 0, 0, 0, 'k', '[]', 'bug', 'not_applied', 'BUG', gen_random_uuid(), clock_timestamp()
       from unnest($2::text[]) as state`,
    [name, states],
  );

// Planted fault: a list of states that leaves one out. What an operator has replaced lets one more be given up.
it('G5w: an event that was given up counts, whatever an operator or its saga did with it since', async () => {
  await giveUp('dead', 'rejected', 'skipped', 'superseded', 'replaced');
  expect(await countGivenUp(scene.database.executor, name)).toBe(4);
});

// Seen to fail where the pause does not count again: an event that was refused before the resume undoes it.
it('a pause that was decided before a resume with --continue pauses nothing behind it', async () => {
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' }).on(counted, () => undefined);
  const service = await scene.start(consumer);
  await service.stop();
  await giveUp('dead', 'dead');
  const failure = { code: 'BUG', category: 'bug', certainty: 'not_applied' };
  const refused = { kind: 'give_up_limit', deadLetter: { handler: 'h', failure }, wanted: 1, perHour: 2 };
  const { database } = scene;
  const parts = { definition: consumer, database, clock: systemClock, log: logger('test') };
  const pause = () => pauseForFaults(parts, refused as never);
  const halted = async () => {
    const { rows } = await database.executor.query<{ code: string | null }>(
      'select halted_code as code from converge.inbox_partition where consumer = $1',
      [name],
    );
    return rows[0]?.code;
  };
  await pause();
  expect(await halted()).toBe(GIVE_UP_LIMIT);
  await scene.resume(name, topic, { pass: true });
  await pause();
  expect(await halted()).toBeNull();
});
