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
    'mails: begin, settings, open slice, open fence, own row, lock fence, move fence, append, commit',
    'money: begin, settings, claim, commit',
    'money: begin, settings, close work, lock fence, move fence, append, commit',
    'money: begin, settings, open slice, open fence, work, commit',
    'money: begin, settings, read fence, commit',
    'orders: begin, own row, append, commit',
    'parcels: begin, settings, open slice, note start, lock start, lock fence, work, commit',
    'parcels: begin, settings, open slice, open fence, own row, lock fence, move fence, withdraw timers, append, commit',
    'stock: begin, settings, open slice, open fence, own row, lock fence, move fence, append, commit',
  ]);
  expect([statements, transactions]).toEqual([61, 9]);
});
