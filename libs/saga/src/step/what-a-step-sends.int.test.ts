import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { MeasuredScene } from '../fixture/measured-scene.ts';
import { measure } from '../fixture/measured-report.ts';

let scene: MeasuredScene;
beforeAll(async () => {
  scene = await MeasuredScene.open(inject('stack').databaseUrl);
});
afterAll(() => scene.close());

// Planted fault: a call that is not born claimed takes a claim.
it('a completed saga of four steps sends exactly these statements', async () => {
  const orders = scene.database('orders');
  // The first one opens connections, and they learn their sessions.
  await scene.complete(orders);
  await scene.complete(orders);
  scene.tap.clear();
  await scene.complete(orders);
  const { lines, statements, transactions, roundTrips } = measure(scene.tap.transactions);
  expect(lines).toEqual([
    'mails: begin, settings, open slice, own row, open fence, append, commit',
    'money: begin, settings, close work, move fence, append, commit',
    'money: begin, settings, open slice, work, open fence, commit',
    'orders: begin, own row, append, commit',
    'parcels: begin, settings, open slice, note and lock start, work, commit',
    'parcels: begin, settings, open slice, own row, open fence, append, commit',
    'stock: begin, settings, open slice, own row, open fence, append, commit',
  ]);
  expect([statements, transactions, roundTrips]).toEqual([43, 7, 17]);
});

// Planted fault: a slice that writes each fence by a statement of its own sends more.
it('sagas whose events come together share the fences, calls, timers and outcomes of their slices', async () => {
  const orders = scene.database('orders');
  await scene.completeTogether(orders, SAGAS);
  scene.tap.clear();
  await scene.completeTogether(orders, SAGAS);
  const { lines, statements, transactions } = measure(scene.tap.transactions);
  // How many slices a topic takes, how many outcomes a transaction records, and how many calls have to wait for a place and a
  // claim, depends on the machine.
  const kinds = new Set(lines.map((line) => line.replace(/(, own row)+/, ', own rows')));
  kinds.delete('money: settings, claim');
  expect([...kinds]).toEqual([
    'mails: begin, settings, open slice, own rows, open fence, append, commit',
    'money: begin, settings, close work, move fence, append, commit',
    'money: begin, settings, open slice, work, open fence, commit',
    'orders: begin, own rows, append, commit',
    'parcels: begin, settings, open slice, note and lock start, work, commit',
    'parcels: begin, settings, open slice, own rows, open fence, append, commit',
    'stock: begin, settings, open slice, own rows, open fence, append, commit',
  ]);
  expect(statements / SAGAS).toBeLessThanOrEqual(15);
  expect(transactions / SAGAS).toBeLessThanOrEqual(3);
});

const SAGAS = 32;
