import type { Assignment } from '@convergekit/broker/engine';
import { formatPosition } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import type { Source } from '@convergekit/outbox/engine';
import type { PartitionPlan, RebasePlan } from './plan.ts';
import { eventsInOutbox, type Phantom } from './rebase-sql.ts';

export interface RebasedPartition extends Assignment {
  /** The predecessor that the first event of the new epoch names. */
  readonly prev: string;
  readonly phantoms: number;
  readonly sentAgain: number;
  /** True when the log lost its end, or the topic was recreated: the lost events are sent again. */
  readonly logLost: boolean;
}

export interface RebaseReport {
  readonly dryRun: boolean;
  readonly source: Source;
  /** The new epoch. */
  readonly epoch: number;
  readonly forkedTick: bigint;
  readonly partitions: readonly RebasedPartition[];
  readonly phantoms: readonly Phantom[];
  /** Topics without a marker, and why. */
  readonly notMarked: readonly string[];
  /** The tables were loaded into another cluster: transaction ids were given anew. */
  readonly newTransactionIds: boolean;
}

/** Lists each event beyond the fork once, at its first place in the log. */
export async function phantomsOf(
  executor: Executor,
  { partitions }: RebasePlan,
): Promise<readonly Phantom[]> {
  const known = await eventsInOutbox(
    executor,
    partitions.flatMap(({ beyond }) => beyond.map(({ eventId }) => eventId)),
  );
  return partitions.flatMap(({ cursor, beyond }) => {
    const seen = new Set<string>();
    return beyond.flatMap(({ eventId, offset, position, type, key }) => {
      if (seen.has(eventId)) return [];
      seen.add(eventId);
      const kind = known.has(eventId) ? ('sent_again' as const) : ('phantom' as const);
      const { topic, partition } = cursor;
      const text = formatPosition(position, position.nonce);
      return [{ topic, partition, offset, kind, eventId, position: text, type, key }];
    });
  });
}

export function report(
  parts: Omit<RebaseReport, 'epoch' | 'forkedTick' | 'partitions'> & { readonly plan: RebasePlan },
): RebaseReport {
  const { plan, ...rest } = parts;
  const { epoch, forkedTick } = plan;
  const partitions = plan.partitions.map((one) => partitionReport(one, rest.phantoms));
  return { ...rest, epoch, forkedTick, partitions };
}

function partitionReport(
  { cursor, prev, logLost }: PartitionPlan,
  phantoms: readonly Phantom[],
): RebasedPartition {
  const { topic, partition } = cursor;
  const here = phantoms.filter((one) => one.topic === topic && one.partition === partition);
  const sentAgain = here.filter(({ kind }) => kind === 'sent_again').length;
  return {
    topic,
    partition,
    prev: formatPosition(prev),
    phantoms: here.length - sentAgain,
    sentAgain,
    logLost,
  };
}
