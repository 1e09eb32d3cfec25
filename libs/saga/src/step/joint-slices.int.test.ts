import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { measure } from '../fixture/measured-report.ts';
import { MeasuredScene } from '../fixture/measured-scene.ts';

/**
 * Tests of what sagas cost whose events are spread over many partitions. Planted fault: a member that commits each
 * partition by itself sends 30 statements a saga.
 */
const SAGAS = 32;
const PARTITIONS = 32;

let scene: MeasuredScene;
beforeAll(async () => {
  scene = await MeasuredScene.open(inject('stack').databaseUrl, PARTITIONS);
});
afterAll(() => scene.close());

it('sagas whose events come to many partitions share the transactions of their slices', async () => {
  const orders = scene.database('orders');
  await scene.completeTogether(orders, SAGAS);
  scene.tap.clear();
  await scene.completeTogether(orders, SAGAS);
  const { statements, transactions } = measure(scene.tap.transactions);
  expect(statements / SAGAS).toBeLessThanOrEqual(15);
  expect(transactions / SAGAS).toBeLessThanOrEqual(3);
});
