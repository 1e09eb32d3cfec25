import { defineEvent } from '@convergekit/contracts';
import { createOutbox } from '@convergekit/outbox';
import { z } from 'zod';
import { tripAsked } from '../../docs/examples/saga.ts';

export const counted = defineEvent('test.counted', {
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
