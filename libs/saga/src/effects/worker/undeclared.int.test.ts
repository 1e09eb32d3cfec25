import { startTelemetry } from '@convergekit/telemetry/sdk';
import { logger } from '@convergekit/telemetry';
import { afterAll, expect, inject, it } from 'vitest';
import { request, sceneDatabase, sceneEffects } from '../../fixture/effects/scene.ts';
import { undeclaredCheck } from './alarms.ts';

const telemetry = startTelemetry({ serviceName: 'test' });
afterAll(() => telemetry.shutdown());

async function exported(): Promise<readonly string[]> {
  const { body } = await telemetry.scrape();
  return body.split('\n').filter((line) => line.startsWith('converge_effects_undeclared{'));
}

// Planted fault: without the zero for an effect that was reported, the gauge stays at 2 here, with its alert.
it('the metric of undeclared calls counts them while they wait, and is zero once they are resolved', async () => {
  const { database } = await sceneDatabase(inject('stack').databaseUrl);
  const { blind } = sceneEffects('http://127.0.0.1:1');
  const { executor } = database;
  const check = undeclaredCheck(executor, logger('test'), 0);
  try {
    await request(database, blind, ['a', 'b']);
    await check();
    expect(await exported()).toEqual([]);
    await executor.query(`update converge.saga_worker set seen_at = '-infinity'`);
    await check();
    expect(await exported()).toEqual(['converge_effects_undeclared{converge_effect="test.blind"} 2']);
    await executor.query('delete from converge.saga_work');
    await check();
    expect(await exported()).toEqual(['converge_effects_undeclared{converge_effect="test.blind"} 0']);
  } finally {
    await database.close();
  }
});
