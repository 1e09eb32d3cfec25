import { defineEvent } from '@convergekit/contracts';
import { inboxMigrations } from '@convergekit/inbox';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { sagaMigrations } from '@convergekit/saga';
import { z } from 'zod';
import { tripAsked } from '../../docs/examples/saga.ts';

export const kit = [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations, reconcileMigrations];

export const counted = defineEvent({
  type: 'test.counted',
  version: 1,
  topic: 'counts',
  key: ({ key }) => key,
  data: z.object({ key: z.string(), n: z.int() }),
});
export const outbox = createOutbox([counted, tripAsked]);
export const tables = `
  create table public.seen (n int primary key); create table public.room (trip text primary key);
  create table public.seat (trip text primary key); create table public.wanted (sku text, quantity int);
  create table public.stock (sku text, quantity int)`;

export interface Db {
  seen: { n: number };
  wanted: { sku: string; quantity: number };
  stock: { sku: string; quantity: number };
}

export const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => counted({ key: `k${at % 5}`, n: from + at }));
