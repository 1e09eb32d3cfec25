import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { MeasuredScene } from '../fixture/measured-scene.ts';
import { measure } from '../fixture/measured-report.ts';

let scene: MeasuredScene;
beforeAll(async () => {
  scene = await MeasuredScene.open(inject('stack').databaseUrl);
});
afterAll(() => scene.close());

it('a completed saga of four steps sends exactly these statements', async () => {
  const orders = scene.database('orders');
  // The first one opens connections, and they learn their sessions.
  await scene.complete(orders);
  await scene.complete(orders);
  scene.tap.clear();
  await scene.complete(orders);
  const { lines, statements, transactions } = measure(scene.tap.transactions);
  expect(lines).toEqual([
    'mails: begin, settings, open slice, own row, open fence, append, commit',
    'money: begin, settings, claim, commit',
    'money: begin, settings, close work, move fence, append, commit',
    'money: begin, settings, open slice, open fence, work, commit',
    'orders: begin, own row, append, commit',
    'parcels: begin, settings, open slice, note and lock start, timer, commit',
    'parcels: begin, settings, open slice, own row, open fence, append, commit',
    'stock: begin, settings, open slice, own row, open fence, append, commit',
  ]);
  expect([statements, transactions]).toEqual([47, 8]);
});
