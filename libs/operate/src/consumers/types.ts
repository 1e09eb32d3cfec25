import { dropType, readTypes } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { refused } from '../host/errors.ts';
import { act } from '../registry/act.ts';
import { actOnEach } from '../registry/each.ts';
import { name, text } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { view } from '../registry/view.ts';
import { concerns, databasesOf, lastActsOn, ofConsumer, tables } from './partitions.ts';

export const listTypes = view({
  name: 'consumers.types.list',
  title: 'Registered types',
  summary: 'the types that a consumer handles, in any version that ran',
  tables,
  input: ofConsumer,
  row: z.object({ topic: z.string(), type: z.string(), handler: z.string() }),
  check: async (reads, { consumer }) => {
    await databasesOf(reads, consumer);
  },
  find: (_reads, { executor }, { consumer }) => readTypes(executor, consumer),
  empty: 'no types: the consumer has registered none',
  columns: [
    { title: 'Topic', cell: ({ topic }) => topic },
    { title: 'Type', cell: ({ type }) => type },
    { title: 'Handler', cell: ({ handler }) => handler },
  ],
});

const input = {
  ...ofConsumer,
  type: name('a type that it has registered'),
  topic: text('name', 'only of this topic'),
};

/** Withdraws a type by hand, where no code does it by `.ignore`. */
export const dropRegistered = act({
  name: 'consumers.types.drop',
  title: 'Withdraw the type',
  summary: 'withdraw a type that no version handles any more: partitions that wait for a handler skip it',
  did: 'withdrawn',
  tables,
  input,
  concerns,
  preview: async (reads, given) => {
    const found = await requireTypes(reads, given);
    return {
      eligible: found.length,
      unit: found.length === 1 ? 'registration' : 'registrations',
      others: [],
      effect: 'Versions without it will skip its events.',
      refusal: 'TYPE_NOT_REGISTERED',
      notes: [
        ...(await lastActsOn(reads, given.consumer)),
        ...found.map(({ type, topic, handler }) => `${type} of ${topic}, handled by ${handler}`),
      ],
      things: () =>
        Promise.resolve({
          rows: found.map(rowOf),
          lines: found.map(({ topic, type }) => `${topic} ${type}`),
        }),
    };
  },
  run: async (reads, { consumer, type, topic }, acting) => {
    const { by, reason } = acting;
    const found = await requireTypes(reads, { consumer, type, topic });
    const databases = [...new Set(found.map(({ database }) => database))];
    const { changed } = await actOnEach(databases, acting, async ({ executor }) => {
      if (!(await dropType(executor, { consumer, type, topic }, { by, reason })))
        throw missing(consumer, type);
    });
    const gone = found.filter(({ database }) => changed.includes(database));
    return {
      text: `${type} is withdrawn from ${consumer}`,
      changed: gone.length,
      lines: gone.map((one) => `${one.topic} ${one.type}`),
      value: gone.map(rowOf),
    };
  },
});

const rowOf = ({ topic, type, handler }: Registered) => ({ topic, type, handler });

const missing = (consumer: string, type: string): Error =>
  refused(
    'TYPE_NOT_REGISTERED',
    `${consumer} has no type ${type} registered: \`converge consumers types list ${consumer}\` shows them`,
  );

type Registered = Awaited<ReturnType<typeof readTypes>>[number];

async function requireTypes(
  reads: Pick<Reads, 'databases'>,
  {
    consumer,
    type,
    topic,
  }: { readonly consumer: string; readonly type: string; readonly topic: string | undefined },
) {
  const all = await Promise.all(
    (await databasesOf(reads, consumer)).map(async (database) =>
      (await readTypes(database.executor, consumer)).map((one) => ({ ...one, database })),
    ),
  );
  const found = all.flat().filter((one) => one.type === type && (topic ?? one.topic) === one.topic);
  if (found.length === 0) throw missing(consumer, type);
  return found;
}
