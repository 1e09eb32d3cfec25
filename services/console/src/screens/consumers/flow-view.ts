import { explain, formatBytes, formatMs } from '@convergekit/cli/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, ago, dataTable, filterForm, state, unreadNote, withQuery } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import {
  gapSchema,
  type GapAnswer,
  type PartitionAnswer,
  partitionSchema,
  type RelayAnswer,
  relaySchema,
  unreadSchema,
} from './answers.ts';
import { type LogEnds, readGaps, readPartitions, readRelay } from './read-flow.ts';

/** Defines the page of consumers and relays: how far each is, and what stops it. */
export function flowView(context: ConsoleContext): void {
  const { view, databases, clock } = context;
  view({
    path: '/consumers',
    summary: 'Relays and consumers: backlog, lag, watermarks, gaps, what is halted or held',
    input: z.object({ database: z.string().optional(), consumer: z.string().optional() }),
    answer: z.object({
      relays: z.array(relaySchema),
      partitions: z.array(partitionSchema),
      gaps: z.array(gapSchema),
      /** Why the lag in records is not known; null = it is. */
      lagUnknown: z.string().nullable(),
      unread: unreadSchema,
    }),
    read: async ({ database, consumer }, { now }) => {
      const relays = await databases.gather((executor) => readRelay(executor, () => clock.now()), database);
      const ends = await endsOf(context);
      const matches = (row: { readonly consumer: string }): boolean =>
        consumer === undefined || row.consumer === consumer;
      const partitions = await databases
        .gather((executor) => readPartitions(executor, ends, now), database)
        .finally(() => (ends.kind === 'broker' ? ends.admin.close() : undefined));
      const gaps = await databases.gather(readGaps, database);
      // A database that cannot be read fails in each of the three: once is enough.
      const unread = new Map(
        [...relays.unread, ...partitions.unread, ...gaps.unread].map((one) => [one.database, one]),
      );
      return {
        relays: [...relays.rows],
        partitions: partitions.rows.filter(matches),
        gaps: gaps.rows.filter(matches),
        lagUnknown: ends.kind === 'unknown' ? ends.why : null,
        unread: [...unread.values()],
      };
    },
    page: ({ relays, partitions, gaps, lagUnknown, unread }, { now }, filter) => {
      const halted = partitions.filter((one) => one.halted !== null);
      const body = html`${filterForm('/consumers', [
        { name: 'consumer', label: 'Consumer', value: filter.consumer },
        { name: 'database', label: 'Database', value: filter.database, options: databases.names },
      ])}
      ${unreadNote(unread)} ${haltedPart(halted, filter, now)} ${relayTable(relays)}
      ${lagUnknown === null ? nothing : html`<p class="note">Lag in records is not known: ${lagUnknown}</p>`}
      ${partitionTable(partitions)} ${gapTable(gaps)}`;
      return { title: 'Consumers and relays', body };
    },
  });
}

async function endsOf({ broker }: ConsoleContext): Promise<LogEnds> {
  if (broker === undefined) return { kind: 'unknown', why: 'no broker is set (KAFKA_BROKERS)' };
  try {
    return { kind: 'broker', admin: await broker.admin() };
  } catch (error) {
    return { kind: 'unknown', why: explain(error).message };
  }
}

function haltedPart(
  halted: readonly PartitionAnswer[],
  filter: Readonly<Record<string, string | undefined>>,
  now: number,
): Html {
  if (halted.length === 0) return nothing;
  return html`<section class="note needs" aria-label="Halted partitions">
    <ul>
      ${halted.map(
        ({ consumer, topic, partition, halted: at }) =>
          html`<li>
            ${consumer} at ${topic}/${partition}: ${at?.code}, ${ago(at?.at, now)}: ${at?.reason}
          </li>`,
      )}
    </ul>
    <p>${actionLink(withQuery('/consumers/resume', filter), `Resume all ${halted.length} that match`)}</p>
  </section>`;
}

function relayTable(rows: readonly RelayAnswer[]): Html {
  return dataTable({
    caption: 'Relays: each publishes the outbox of one database',
    rows,
    empty: 'No database is a source.',
    columns: [
      { title: 'Source', cell: ({ source }) => source },
      { title: 'Database', cell: ({ database }) => database },
      { title: 'State', cell: relayState },
      { title: 'Leader', cell: ({ leader }) => leader },
      { title: 'Term', kind: 'number', cell: ({ term }) => term },
      { title: 'Epoch', kind: 'number', cell: ({ epoch }) => epoch },
      { title: 'Done tick', kind: 'number', cell: ({ doneTick }) => doneTick },
      { title: 'Not published', kind: 'number', cell: ({ backlog }) => backlog },
      {
        title: 'Oldest',
        kind: 'number',
        cell: ({ backlog, held, oldestMs }) =>
          backlog === 0 && held.length === 0 ? null : formatMs(oldestMs),
      },
      { title: 'Waiting', kind: 'number', cell: ({ waitingBytes }) => formatBytes(waitingBytes) },
      { title: 'In a minute', kind: 'number', cell: ({ perMinute }) => perMinute },
    ],
  });
}

function relayState({ leader, held }: RelayAnswer): Html {
  const stopped = held.map(
    ({ topic, reason }) => html`<br />${state('needs', `${topic} is held`)} ${reason}`,
  );
  return html`${leader === null ? state('needs', 'no relay leads') : state('ok', 'publishes')}${stopped}`;
}

function partitionTable(rows: readonly PartitionAnswer[]): Html {
  return dataTable({
    caption: 'Consumers, partition by partition',
    rows,
    empty: 'No consumer matches.',
    href: ({ consumer, topic }) => withQuery('/tail', { consumer, topic }),
    columns: [
      { title: 'Consumer', cell: ({ consumer }) => consumer },
      { title: 'Partition', cell: ({ topic, partition }) => `${topic}/${partition}` },
      {
        title: 'State',
        cell: ({ halted }) =>
          halted === null ? state('ok', 'runs') : state('needs', `halted: ${halted.code}`),
      },
      { title: 'Lag', kind: 'number', cell: ({ lag }) => lag?.toString() },
      { title: 'Behind by', kind: 'number', cell: ({ lagMs }) => (lagMs === null ? null : formatMs(lagMs)) },
      { title: 'Next', kind: 'number', cell: ({ nextOffset }) => nextOffset.toString() },
      { title: 'End', kind: 'number', cell: ({ logEnd }) => logEnd?.toString() },
      {
        title: 'Watermarks',
        kind: 'code',
        cell: ({ watermarks }) =>
          watermarks.map(({ source, position }) => `${source} ${position}`).join(', '),
      },
      { title: 'Parked keys', kind: 'number', cell: ({ parkedKeys }) => parkedKeys },
      { title: 'Open gaps', kind: 'number', cell: ({ openGaps }) => openGaps },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}

function gapTable(rows: readonly GapAnswer[]): Html {
  if (rows.length === 0) return nothing;
  return html`${dataTable({
      caption: 'Gaps: events that a consumer passed without having them',
      rows,
      empty: '',
      columns: [
        { title: 'Consumer', cell: ({ consumer }) => consumer },
        { title: 'Partition', cell: ({ topic, partition }) => `${topic}/${partition}` },
        { title: 'Source', cell: ({ source }) => source },
        { title: 'After', kind: 'code', cell: ({ after }) => after },
        { title: 'Up to', kind: 'code', cell: ({ upTo }) => upTo },
      ],
    })}
    <p><code>converge consumers fill</code> brings the events while the source keeps them.</p>`;
}
