import { formatBytes, formatMs } from '@convergekit/operate/text';
import { PAUSED, readLag, readOverview } from '@convergekit/inbox/operate';
import { z } from 'zod';
import { tryBroker } from '../../broker.ts';
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
import { consumersPart, type Filter, inDatabase } from './consumer-tables.ts';
import { lagMs, readGaps, readMembers, readRelay } from './read-flow.ts';
import { unreadOf, unreadSchema } from '../../databases.ts';
import { where } from '../../present-sql.ts';

/** Defines the page of consumers and relays: how far each is, and what stops it. */
export function flowView({ view, databases, broker, clock }: ConsoleContext): void {
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
      const overview = await databases.gather(
        where('converge.inbox_partition', (executor) => readOverview(executor, consumer)),
        database,
      );
      const { rows } = overview;
      const lag = await tryBroker(broker, (admin) => readLag(admin, rows));
      const consumers = rows.map((row) => row.consumer);
      const members =
        lag.why === null ? await tryBroker(broker, (admin) => readMembers(admin, consumers)) : lag;
      const gaps = await databases.gather(readGaps, database);
      return {
        relays: relays.rows,
        partitions: (lag.found ?? (await readLag(undefined, rows))).map((row) => ({
          ...row,
          watermarks: [...row.watermarks],
          lagMs: lagMs(row, row.watermarks, now),
        })),
        members: members.why === null ? members.found : [],
        gaps: gaps.rows.filter((gap) => consumer === undefined || gap.consumer === consumer),
        lagUnknown: lag.why,
        membersUnknown: members.why,
        unread: unreadOf(relays, overview, gaps),
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

function haltedPart(halted: readonly PartitionAnswer[], filter: Filter, now: number): Html {
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
    ${[...Map.groupBy(halted, ({ database, consumer }) => `${database} ${consumer}`).values()].map(([one]) =>
      one === undefined
        ? nothing
        : html`<p>
            ${actionLink(withQuery('/consumers/resume', { ...filter, database: one.database, consumer: one.consumer }), `Resume ${one.consumer}`)}
          </p>`,
    )}
  </section>`;
}

/** Each paused consumer once, with who paused it, why, and its resume. */
function pausedPart(paused: readonly PartitionAnswer[], filter: Filter, now: number): Html {
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
function pauseLink(partitions: readonly PartitionAnswer[], filter: Filter): Html {
  const { consumer } = filter;
  if (consumer === undefined || partitions.every(({ halted }) => halted !== null)) return nothing;
  return html`<p>
    ${actionLink(withQuery('/consumers/pause', filter), `Pause ${consumer}`)}
    <a href="${withQuery('/consumers/types/list', filter)}">the types that it has registered</a>
  </p>`;
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
        cell: ({ database, backlog, waitingBytes }) =>
          html`<a href="${withQuery('/outbox/list', { database, pending: 'yes' })}">${backlog}</a>,
            ${formatBytes(waitingBytes)}`,
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

function relayState({ database, leader, held }: RelayAnswer): Html {
  const stopped = held.map(
    ({ topic, reason }) =>
      html`<br />${state('needs', `${topic} is held`)} ${reason} ${heldLink({ database, topic }, reason)}`,
  );
  return html`${leader === null ? state('needs', 'no relay leads') : state('ok', 'publishes')}${stopped}`;
}

/** The act that ends the hold of a topic, where one does. */
function heldLink(of: { readonly database: string; readonly topic: string }, reason: string): Html {
  if (reason.startsWith('TOPIC_RECREATED:'))
    return html`<a href="${withQuery('/topics/accept', { ...of, madeAgain: 'yes' })}">Accept ${of.topic}</a>`;
  if (reason.startsWith('TOPIC_UNKNOWN:'))
    return html`<a href="${withQuery('/topics/forget', of)}">Forget ${of.topic}</a>`;
  return nothing;
}

/** The consumers of these rows, each once in each database. Pure. */
function consumersOf(rows: readonly GapAnswer[]): readonly Pick<GapAnswer, 'database' | 'consumer'>[] {
  return [...new Map(rows.map((row) => [`${row.database} ${row.consumer}`, row])).values()];
}

function gapTable(rows: readonly GapAnswer[]): Html {
  if (rows.length === 0) return nothing;
  return html`${dataTable({
    caption: 'Gaps: events that a consumer passed without having them',
    rows,
    columns: [
      { title: 'Consumer', cell: ({ consumer }) => consumer },
      { title: 'Partition', cell: ({ topic, partition }) => `${topic}/${partition}` },
      { title: 'Source', cell: ({ source }) => source },
      { title: 'After', kind: 'code', cell: ({ after }) => after },
      { title: 'Up to', kind: 'code', cell: ({ upTo }) => upTo },
    ],
  })}
  ${consumersOf(rows).map(
    ({ database, consumer }) =>
      html`<p>
        ${actionLink(withQuery('/consumers/fill', { database, consumer }), `Fill the gaps of ${consumer}`)}
        while the source keeps the events;
        <a href="${withQuery('/consumers/gaps', { database, consumer, keys: 'yes' })}"
          >the keys that it misses</a
        >
      </p>`,
  )}`;
}
