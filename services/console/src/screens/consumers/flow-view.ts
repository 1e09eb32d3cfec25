import { explain, formatBytes, formatMs } from '@convergekit/cli/operate';
import { PAUSED } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { html, type Html, nothing } from '../../layout/html.ts';
import { actionLink, ago, dataTable, filterForm, state, unreadNote, withQuery } from '../../layout/parts.ts';
import type { ConsoleContext } from '../../screen.ts';
import {
  gapSchema,
  memberSchema,
  type GapAnswer,
  type PartitionAnswer,
  partitionSchema,
  type RelayAnswer,
  relaySchema,
} from './answers.ts';
import { consumersPart, inDatabase } from './consumer-tables.ts';
import { type LogEnds, readGaps, readMembers, readPartitions, readRelay } from './read-flow.ts';
import { unreadSchema } from '../../databases.ts';

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
      /** The processes in the groups of these consumers. */
      members: z.array(memberSchema),
      gaps: z.array(gapSchema),
      /** Why the lag in records is not known; null = it is. */
      lagUnknown: z.string().nullable(),
      /** Why the members are not known; null = they are. */
      membersUnknown: z.string().nullable(),
      unread: unreadSchema,
    }),
    read: async ({ database, consumer }, { now }) => {
      const relays = await databases.gather((executor) => readRelay(executor, () => clock.now()), database);
      const ends = await endsOf(context);
      const matches = (row: { readonly consumer: string }): boolean =>
        consumer === undefined || row.consumer === consumer;
      const read = await databases.gather((executor) => readPartitions(executor, ends, now), database);
      const partitions = read.rows.filter(matches);
      const members = await membersOf(ends, partitions);
      const gaps = await databases.gather(readGaps, database);
      // A database that cannot be read fails in each of the three: once is enough.
      const unread = new Map(
        [...relays.unread, ...read.unread, ...gaps.unread].map((one) => [one.database, one]),
      );
      return {
        relays: relays.rows,
        partitions,
        members: members.kind === 'known' ? members.rows : [],
        gaps: gaps.rows.filter(matches),
        lagUnknown: ends.kind === 'unknown' ? ends.why : null,
        membersUnknown: members.kind === 'unknown' ? members.why : null,
        unread: [...unread.values()],
      };
    },
    page: ({ relays, partitions, members, gaps, lagUnknown, membersUnknown, unread }, { now }, filter) => {
      const paused = partitions.filter((one) => one.halted?.code === PAUSED);
      const halted = partitions.filter((one) => one.halted !== null && one.halted.code !== PAUSED);
      const body = html`${filterForm('/consumers', [
        { name: 'consumer', label: 'Consumer', value: filter.consumer },
        { name: 'database', label: 'Database', value: filter.database, options: databases.names },
      ])}
      ${unreadNote(unread)} ${haltedPart(halted, filter, now)} ${pausedPart(paused, filter, now)}
      ${relayTable(relays)} ${unknownNote('Lag in records is not known', lagUnknown)}
      ${lagUnknown === null ? unknownNote('Members are not known', membersUnknown) : nothing}
      ${consumersPart(partitions, membersUnknown === null ? members : undefined, filter)}
      ${pauseLink(partitions, filter)} ${gapTable(gaps)}`;
      return { title: 'Consumers and relays', body };
    },
  });
}

function unknownNote(what: string, why: string | null): Html {
  return why === null ? nothing : html`<p class="note">${what}: ${why}</p>`;
}

type Members =
  | { readonly kind: 'known'; readonly rows: z.input<typeof memberSchema>[] }
  | { readonly kind: 'unknown'; readonly why: string };

/** Reads the members of the groups of these partitions, and closes the broker's client. */
async function membersOf(
  ends: LogEnds,
  partitions: readonly { readonly consumer: string }[],
): Promise<Members> {
  if (ends.kind === 'unknown') return ends;
  try {
    return {
      kind: 'known',
      rows: await readMembers(
        ends.admin,
        partitions.map(({ consumer }) => consumer),
      ),
    };
  } catch (error) {
    return { kind: 'unknown', why: explain(error).message };
  } finally {
    await ends.admin.close();
  }
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

/** Each paused consumer once, with who paused it, why, and its resume. */
function pausedPart(
  paused: readonly PartitionAnswer[],
  filter: Readonly<Record<string, string | undefined>>,
  now: number,
): Html {
  const consumers = [...Map.groupBy(paused, ({ consumer }) => consumer)];
  return html`${consumers.map(
    ([consumer, own]) =>
      html`<section class="note" aria-label="Paused consumer">
        <p>
          ${state('off', `${consumer} is paused`)} ${own.length}
          ${own.length === 1 ? 'partition' : 'partitions'}, ${ago(own[0]?.halted?.at, now)}:
          ${own[0]?.halted?.reason}
        </p>
        <p>${actionLink(withQuery('/consumers/resume', { ...filter, consumer }), `Resume ${consumer}`)}</p>
      </section>`,
  )}`;
}

/** Of a chosen consumer that runs. */
function pauseLink(
  partitions: readonly PartitionAnswer[],
  filter: Readonly<Record<string, string | undefined>>,
): Html {
  const { consumer } = filter;
  if (consumer === undefined || partitions.every(({ halted }) => halted !== null)) return nothing;
  return html`<p>${actionLink(withQuery('/consumers/pause', filter), `Pause ${consumer}`)}</p>`;
}

function relayTable(rows: readonly RelayAnswer[]): Html {
  return dataTable({
    caption: 'Relays: each publishes the outbox of one database',
    rows,
    empty: 'No database is a source.',
    columns: [
      { title: 'Source', cell: ({ source, database }) => inDatabase(source, database) },
      { title: 'State', cell: relayState },
      { title: 'Leader', kind: 'wide', cell: ({ leader }) => leader },
      {
        title: 'Not published',
        kind: 'number',
        cell: ({ backlog, waitingBytes }) => `${backlog}, ${formatBytes(waitingBytes)}`,
      },
      {
        title: 'Oldest',
        kind: 'number',
        cell: ({ backlog, held, oldestMs }) =>
          backlog === 0 && held.length === 0 ? null : formatMs(oldestMs),
      },
      { title: 'Published/min', kind: 'number', cell: ({ perMinute }) => perMinute },
      {
        title: 'Term, epoch, done tick',
        kind: 'number',
        cell: ({ term, epoch, doneTick }) => html`${term}, ${epoch}<br />${doneTick}`,
      },
    ],
  });
}

function relayState({ leader, held }: RelayAnswer): Html {
  const stopped = held.map(
    ({ topic, reason }) => html`<br />${state('needs', `${topic} is held`)} ${reason}`,
  );
  return html`${leader === null ? state('needs', 'no relay leads') : state('ok', 'publishes')}${stopped}`;
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
