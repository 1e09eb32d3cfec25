import { type Kysely, sql } from 'kysely';
import { defineEvent, type EventDefinition } from '@convergekit/contracts';
import { z } from 'zod';

export interface BenchData {
  readonly n: number;
  readonly filler: string;
}

/** Defines the event that `PAYLOAD_SQL` writes. */
export function benchEvent(topic: string): EventDefinition<'bench.event', BenchData, BenchData> {
  return defineEvent('bench.event', {
    version: 1,
    topic,
    key: ({ n }) => `key-${n % 1000}`,
    data: z.object({ n: z.int(), filler: z.string() }),
  });
}

/** The tables of the benchmark: a row per event, numbered by a sequence that can be watched. */
export interface EffectDb {
  effect: { line?: number; event_id: string; key: string; n: number };
  /** Keys whose events fail now. */
  fault: { key: string };
}

export interface Effect {
  readonly id: string;
  readonly key: string;
  readonly data: { readonly n: number };
}

export const EFFECT_TABLE = `
  create table effect (line bigint generated always as identity primary key, event_id uuid not null, key text not null, n int not null)`;

/** The statement for the row of one event, as a handler would write it. */
export function insertion(tx: Kysely<EffectDb>, { id, key, data: { n } }: Effect) {
  return tx.insertInto('effect').values({ event_id: id, key, n });
}

export async function insertOne(tx: Kysely<EffectDb>, effect: Effect): Promise<void> {
  await insertion(tx, effect).execute();
}

export async function insertMany(tx: Kysely<EffectDb>, events: readonly Effect[]): Promise<void> {
  const ids = events.map(({ id }) => id);
  const keys = events.map(({ key }) => key);
  const numbers = events.map(({ data }) => data.n);
  await sql`insert into effect (event_id, key, n) select * from unnest(${ids}::uuid[], ${keys}::text[], ${numbers}::int[])`.execute(
    tx,
  );
}
