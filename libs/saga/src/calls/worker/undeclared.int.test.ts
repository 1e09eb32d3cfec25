import { startTelemetry } from '@convergekit/telemetry/sdk';
import { logger } from '@convergekit/telemetry';
import { afterAll, expect, inject, it } from 'vitest';
import { request, sceneDatabase, sceneCalls } from '../../fixture/calls/scene.ts';
import { lateCallsCheck, pauseCheck, undeclaredCheck } from './alarms.ts';

const telemetry = startTelemetry({ serviceName: 'test' });
afterAll(() => telemetry.shutdown());

async function exported(metric = 'converge_calls_undeclared'): Promise<readonly string[]> {
  const { body } = await telemetry.scrape();
  return body.split('\n').filter((line) => line.startsWith(`${metric}{`));
}

// Planted fault: without the zero for a call that was reported, the gauge stays at 2 here, with its alert.
it('the metric of undeclared calls counts them while they wait, and is zero once they are resolved', async () => {
  const { database } = await sceneDatabase(inject('stack').databaseUrl);
  const { blind } = sceneCalls('http://127.0.0.1:1');
  const { executor } = database;
  const check = undeclaredCheck(executor, logger('test'), 0);
  try {
    await request(database, blind, ['a', 'b']);
    await check();
    expect(await exported()).toEqual([]);
    await executor.query(`update converge.saga_worker set seen_at = '-infinity'`);
    await check();
    expect(await exported()).toEqual(['converge_calls_undeclared{converge_call="test.blind"} 2']);
    await executor.query('delete from converge.saga_work');
    await check();
    expect(await exported()).toEqual(['converge_calls_undeclared{converge_call="test.blind"} 0']);
  } finally {
    await database.close();
  }
});

// Planted fault: by the last entry alone, a call whose last attempt was a query of the open breaker's side is not counted.
it('the metric of waiting calls counts those that failed a minute ago by their last failure, and is zero when they are done', async () => {
  const { database } = await sceneDatabase(inject('stack').databaseUrl);
  const { blind } = sceneCalls('http://127.0.0.1:1');
  const { executor } = database;
  const check = lateCallsCheck(executor, 900_000);
  const failed = (op: string, code: string) => ({ op, failure: { code, category: 'transient' } });
  const story = [
    failed('call', 'HTTP_500'),
    failed('query', 'BREAKER_OPEN'),
    { op: 'query', found: 'not_found' },
  ];
  try {
    await request(database, blind, ['a', 'b']);
    await executor.query(`update converge.saga_work set story = $1`, [JSON.stringify(story)]);
    await check();
    expect(await exported('converge_calls_waiting')).toEqual([]);
    await executor.query(`update converge.saga_work set waits_since = clock_timestamp() - interval '61 s'`);
    await check();
    const series = 'converge_calls_waiting{converge_call="test.blind",converge_attempt_reason="HTTP_500"}';
    expect(await exported('converge_calls_waiting')).toEqual([`${series} 2`]);
    await executor.query('delete from converge.saga_work');
    await check();
    expect(await exported('converge_calls_waiting')).toEqual([`${series} 0`]);
  } finally {
    await database.close();
  }
});

it('the metric of paused sagas counts their pauses while they last', async () => {
  const { database } = await sceneDatabase(inject('stack').databaseUrl);
  const { executor } = database;
  const check = pauseCheck(executor, logger('test'), 3_600_000);
  try {
    await executor.query(
      `insert into converge.saga_pause (saga, instance, by, reason) values ('order', 'a', 'ann', 'x'), ('order', 'b', 'ann', 'x')`,
    );
    await check();
    expect(await exported('converge_sagas_paused')).toEqual([
      'converge_sagas_paused{converge_saga="order"} 2',
    ]);
    await executor.query('delete from converge.saga_pause');
    await check();
    expect(await exported('converge_sagas_paused')).toEqual([
      'converge_sagas_paused{converge_saga="order"} 0',
    ]);
  } finally {
    await database.close();
  }
});
