import { formatMs } from '@convergekit/operate/text';
import { type PartitionSum, PAUSED, sumPartitions } from '@convergekit/inbox/operate';
import { html, type Html, nothing } from '../../layout/html.ts';
import { dataTable, state, withQuery } from '../../layout/parts.ts';
import type { MemberAnswer, PartitionAnswer } from './answers.ts';

export type Filter = Readonly<Record<string, string | undefined>>;

/** A consumer of one database: the sum of its partitions. */
interface ConsumerSum extends PartitionSum {
  readonly database: string;
  readonly consumer: string;
  /** The longest of its partitions, in milliseconds; null = not known of any. */
  readonly lagMs: number | null;
}

type Summed = Parameters<typeof sumPartitions>[0][number] &
  Pick<PartitionAnswer, 'database' | 'consumer' | 'lagMs'>;

/** Sums the partitions of each consumer: what is halted first, then the longest behind, then by name. Pure. */
export function sumByConsumer(partitions: readonly Summed[]): readonly ConsumerSum[] {
  const groups = Map.groupBy(partitions, ({ database, consumer }) => `${database} ${consumer}`);
  return [...groups.values()].flatMap(sumOf).toSorted(worstFirst);
}

function sumOf(own: readonly Summed[]): readonly ConsumerSum[] {
  const [first] = own;
  if (first === undefined) return [];
  const ages = own.flatMap(({ lagMs }) => lagMs ?? []);
  return [
    {
      database: first.database,
      consumer: first.consumer,
      ...sumPartitions(own),
      lagMs: ages.length === 0 ? null : Math.max(...ages),
    },
  ];
}

const worstFirst = (a: ConsumerSum, b: ConsumerSum): number =>
  b.halted - a.halted || (b.lagMs ?? 0) - (a.lagMs ?? 0) || (a.consumer < b.consumer ? -1 : 1);

/**
 * The consumers in sum; of a chosen one its processes and partitions, of several the partitions behind a line. `members`
 * undefined = the broker is not known.
 */
export function consumersPart(
  partitions: readonly PartitionAnswer[],
  members: readonly MemberAnswer[] | undefined,
  filter: Filter,
): Html {
  const consumers = sumByConsumer(partitions);
  if (consumers.length < 2)
    return html`${members === undefined || consumers.length === 0 ? nothing : memberTable(members)}
    ${partitionTable(partitions)}`;
  return html`${consumerTable(consumers, members, filter)}
    <details>
      <summary>All ${partitions.length} partitions</summary>
      ${partitionTable(partitions)}
    </details>`;
}

function memberTable(rows: readonly MemberAnswer[]): Html {
  return dataTable({
    caption: 'Processes in the group, as the broker sees them',
    rows,
    empty: 'No process of this consumer is in its group: nothing reads its partitions.',
    columns: [
      { title: 'Member', kind: 'code', cell: ({ id }) => id },
      { title: 'Host', cell: ({ host }) => host },
      { title: 'Reads', kind: 'wide', cell: ({ partitions }) => partitions.join(', ') },
    ],
  });
}

function consumerTable(
  rows: readonly ConsumerSum[],
  members: readonly MemberAnswer[] | undefined,
  filter: Filter,
): Html {
  const membersOf = ({ consumer }: ConsumerSum): number | undefined =>
    members?.filter((member) => member.consumer === consumer).length;
  return dataTable({
    caption: 'Consumers: each row is the sum of its partitions',
    rows,
    empty: 'No consumer matches.',
    href: ({ consumer, database }) => withQuery('/consumers', { ...filter, consumer, database }),
    columns: [
      { title: 'Consumer', cell: ({ consumer }) => consumer },
      { title: 'State', cell: (one) => consumerState(one, membersOf(one)) },
      { title: 'Members', kind: 'number', cell: membersOf },
      { title: 'Partitions', kind: 'number', cell: ({ partitions }) => partitions },
      { title: 'Lag', kind: 'number', cell: ({ lag }) => lag?.toString() },
      { title: 'Behind by', kind: 'number', cell: ({ lagMs }) => (lagMs === null ? null : formatMs(lagMs)) },
      { title: 'Parked keys', kind: 'number', cell: ({ parkedKeys }) => parkedKeys },
      { title: 'Open gaps', kind: 'number', cell: ({ openGaps }) => openGaps },
      { title: 'Database', cell: ({ database }) => database },
    ],
  });
}

function consumerState(
  { halted, paused, waiting, partitions, lag }: ConsumerSum,
  members: number | undefined,
): Html {
  if (halted > 0) return state('needs', `${halted} ${halted === 1 ? 'partition' : 'partitions'} halted`);
  if (paused > 0) return state('off', paused === partitions ? 'paused' : `${paused} of ${partitions} paused`);
  if (members === 0) return state((lag ?? 0n) > 0n ? 'needs' : 'off', 'no process in its group');
  if (waiting > 0)
    return state('waits', `${waiting} ${waiting === 1 ? 'partition waits' : 'partitions wait'}`);
  return state('ok', 'runs');
}

function partitionState({ halted, waits }: PartitionAnswer): Html {
  if (halted !== null)
    return halted.code === PAUSED ? state('off', 'paused') : state('needs', `halted: ${halted.code}`);
  return waits === null ? state('ok', 'runs') : state('waits', `waits: ${waits.code}`);
}

/** A name with its database below it: a column less in wide tables. */
export function inDatabase(name: string, database: string): Html {
  return html`${name}<br /><span class="quiet">${database}</span>`;
}

function partitionTable(rows: readonly PartitionAnswer[]): Html {
  return dataTable({
    caption: 'Consumers, partition by partition',
    rows,
    empty: 'No consumer matches.',
    href: ({ consumer, topic }) => withQuery('/tail', { consumer, topic }),
    columns: [
      { title: 'Consumer', cell: ({ consumer, database }) => inDatabase(consumer, database) },
      { title: 'Partition', cell: ({ topic, partition }) => `${topic}/${partition}` },
      {
        title: 'State',
        cell: partitionState,
      },
      { title: 'Lag', kind: 'number', cell: ({ lag }) => lag?.toString() },
      { title: 'Behind by', kind: 'number', cell: ({ lagMs }) => (lagMs === null ? null : formatMs(lagMs)) },
      {
        title: 'Next of end',
        kind: 'number',
        cell: ({ nextOffset, logEnd }) =>
          html`${nextOffset.toString()}${logEnd === null ? nothing : html` of ${logEnd.toString()}`}`,
      },
      { title: 'Parked keys', kind: 'number', cell: ({ parkedKeys }) => parkedKeys },
      { title: 'Open gaps', kind: 'number', cell: ({ openGaps }) => openGaps },
      {
        title: 'Handled up to',
        kind: 'wide',
        cell: ({ watermarks }) =>
          watermarks.map(({ source, position }) => `${source} ${position}`).join(', '),
      },
    ],
  });
}
