import { inboxMigrations } from '@convergekit/inbox';
import { PARKED_STATES, type ParkedFilter } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { didYouMean } from '../host/did-you-mean.ts';
import { refused } from '../host/errors.ts';
import type { Concerned } from '../host/rights.ts';
import { type InputOf, instant, someOf, text } from '../registry/fields.ts';
import type { Reads, Tables } from '../registry/reads.ts';

export const tables: Tables = { migrations: [inboxMigrations], table: 'converge.parked' };

/** The fields by which parked events are chosen: the same in every list and act. */
export const filter = {
  consumer: text('name', 'only events of this consumer'),
  topic: text('name', 'only events of this topic'),
  key: text('key', 'only events of this key'),
  category: text('category', 'only failures of this category'),
  code: text('code', 'only failures with this code'),
  handler: text('name', 'only events of this handler'),
  fingerprint: text('hash', 'only failures of this shape, as `parked groups --json` shows it'),
  since: instant('only events parked at this time or later'),
  until: instant('only events parked before this time'),
  state: someOf('state', PARKED_STATES, 'only events in these states'),
};
export type Filter = InputOf<typeof filter>;

/** Returns the filter of the inbox. `states`: those that are meant where none is named. Pure. */
export function wantedOf(
  { consumer, topic, key, category, code, handler, fingerprint, since, until, state }: Filter,
  states: ParkedFilter['states'],
): ParkedFilter {
  const named = state.length === 0 ? states : state;
  return { consumer, topic, key, category, code, handler, fingerprint, since, until, states: named };
}

/** Returns what an act on parked events concerns: of named events, the consumer that parked them, whatever the filter says. */
export async function concernedOf(
  { databases }: Pick<Reads, 'databases'>,
  { ids, consumer }: { readonly ids: readonly string[]; readonly consumer?: string | undefined },
): Promise<Concerned> {
  const [first, ...others] = databases;
  const database = first === undefined || others.length > 0 ? '*' : first.name;
  if (ids.length === 0) return { database, consumer: consumer ?? '*' };
  const found = await Promise.all(
    databases.map(async ({ name, executor }) =>
      (await executor.query<{ consumer: string }>(ownersSql, [ids])).rows.map((row) => ({ ...row, name })),
    ),
  );
  const only = (names: readonly string[]): string => (new Set(names).size === 1 ? (names[0] ?? '*') : '*');
  const all = found.flat();
  return { database: only(all.map(({ name }) => name)), consumer: only(all.map((row) => row.consumer)) };
}

const ownersSql = `select distinct consumer from converge.parked where id = any ($1::uuid[])`;

const consumersSql = `select name from converge.inbox_consumer order by name`;
const handlersSql = `
  select h.name from converge.inbox_consumer c, jsonb_each(c.types) as t (topic, own), jsonb_each_text(t.own) as h (type, name)
   where $1::text is null or c.name = $1
  union select handler from converge.parked where $1::text is null or consumer = $1`;

/** Refuses names of consumers and handlers that none of the databases has, of which nothing would match. */
export async function requireNames(
  { databases }: Pick<Reads, 'databases'>,
  { consumer, handler }: Pick<Filter, 'consumer' | 'handler'>,
): Promise<void> {
  const namesOf = async (sql: string, values: readonly unknown[]): Promise<readonly string[]> => {
    const read = ({ executor }: { readonly executor: Executor }) =>
      executor.query<{ name: string }>(sql, values);
    return (await Promise.all(databases.map(read))).flatMap(({ rows }) => rows.map(({ name }) => name));
  };
  if (consumer !== undefined) {
    const names = await namesOf(consumersSql, []);
    if (!names.includes(consumer))
      throw refused(
        'CONSUMER_UNKNOWN',
        `there is no consumer ${consumer} in ${placesOf(databases)}${didYouMean(consumer, names)}: \`converge consumers list\` shows those that are`,
      );
  }
  if (handler === undefined) return;
  const names = await namesOf(handlersSql, [consumer ?? null]);
  if (names.includes(handler)) return;
  throw refused(
    'HANDLER_UNKNOWN',
    `there is no handler ${handler}${consumer === undefined ? '' : ` of ${consumer}`} in ${placesOf(databases)}${didYouMean(handler, names)}: \`converge parked groups\` shows what is parked`,
  );
}

const placesOf = (databases: readonly unknown[]): string =>
  databases.length === 1 ? 'this database' : 'these databases';
