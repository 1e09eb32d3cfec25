import { type Admin, BrokerError } from '@convergekit/broker';
import { partitionOf } from '@convergekit/broker/engine';
import { WIRE } from '@convergekit/contracts/engine';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { html, nothing } from '../../layout/html.ts';
import { dataTable, moment, state } from '../../layout/parts.ts';
import { eventPath } from '../../links.ts';
import type { PageContent } from '../../screen.ts';

/** The newest records of a partition that are read, at most. */
const MOST_RECORDS = 5_000;

const recordSchema = z.object({
  offset: z.bigint(),
  at: z.date(),
  eventId: z.string().nullable(),
  type: z.string().nullable(),
  position: z.string().nullable(),
  /** The offset of the first record of the same event; null for the first one. */
  copyOf: z.bigint().nullable(),
});

export const logSchema = z.object({
  topic: z.string(),
  key: z.string(),
  partition: z.number().int(),
  from: z.bigint(),
  to: z.bigint(),
  records: z.array(recordSchema),
  copies: z.number().int(),
});

type LogAnswer = z.output<typeof logSchema>;
type Found = LogAnswer['records'][number];

/** Reads the records of a key from the newest part of its partition, and marks those that repeat an event. */
export async function readKeyLog(admin: Admin, topic: string, key: string): Promise<LogAnswer> {
  const described = await admin.describeTopic(topic);
  if (described === undefined) throw notFound(`the broker has no topic ${topic}`);
  const partition = partitionOf(key, described.partitions);
  const ends = (await admin.partitionEnds(topic))[partition];
  if (ends === undefined || ends instanceof BrokerError)
    throw notFound(
      `partition ${topic}/${partition} cannot be read now: ${ends?.message ?? 'it has no leader'}`,
    );
  const oldest = ends.latest - BigInt(MOST_RECORDS);
  const from = oldest > ends.earliest ? oldest : ends.earliest;
  const records: Found[] = [];
  const first = new Map<string, bigint>();
  for await (const { offset, key: bytes, headers, timestampMs } of admin.read(
    topic,
    partition,
    from,
    ends.latest,
  )) {
    if (bytes?.toString('utf8') !== key) continue;
    const text = (name: string): string | null =>
      headers.find(([one]) => one.toLowerCase() === name)?.[1]?.toString('utf8') ?? null;
    const eventId = text(WIRE.id);
    const copyOf = eventId === null ? null : (first.get(eventId) ?? null);
    if (eventId !== null && copyOf === null) first.set(eventId, offset);
    records.push({
      offset,
      at: new Date(timestampMs),
      eventId,
      type: text(WIRE.type),
      position: text(WIRE.position),
      copyOf,
    });
  }
  const copies = records.filter((one) => one.copyOf !== null).length;
  return { topic, key, partition, from, to: ends.latest, records, copies };
}

/** The records of a key in the log; copies of an event are marked. */
export function logPage({ topic, key, partition, from, to, records, copies }: LogAnswer): PageContent {
  const body = html`<p>
      ${copies === 0 ? state('ok', 'No duplicates') : state('waits', copies === 1 ? '1 duplicate' : `${copies} duplicates`)}
      among ${records.length} records of key <code>${key}</code>, offsets ${from.toString()} to
      ${to.toString()} of ${topic}/${partition}.
    </p>
    ${copies === 0 ? nothing : html`<p class="quiet">A consumer of the kit applies an event once: it passes over its copies.</p>`}
    ${dataTable<LogAnswer['records'][number]>({
      caption: 'In the order of the log',
      rows: records,
      empty: 'The part of the log that was read has no record of this key.',
      href: ({ eventId }) => (eventId === null ? undefined : eventPath(eventId)),
      columns: [
        { title: 'Offset', kind: 'number', cell: ({ offset }) => offset.toString() },
        {
          title: 'Duplicate',
          cell: ({ copyOf }) =>
            copyOf === null ? state('off', 'first') : state('waits', `duplicate of ${copyOf.toString()}`),
        },
        { title: 'Written', cell: ({ at }) => moment(at) },
        { title: 'Event', kind: 'code', cell: ({ eventId }) => eventId },
        { title: 'Type', cell: ({ type }) => type },
        { title: 'Position', kind: 'code', cell: ({ position }) => position },
      ],
    })}`;
  return { title: `Log of key ${key}`, body };
}
