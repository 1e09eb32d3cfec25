import { formatPosition } from '@convergekit/contracts/engine';
import { type ConsumerMark, type OpenGap, readMarks, readOpenGaps } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import { findSent, readSent, type SentEvent, type SentPartition } from '@convergekit/relay/operate';
import type { ScanFinding } from './findings.ts';
import { readPositions } from './stalled.ts';

/** A database of the process, by the name in its settings. */
export interface NamedExecutor {
  readonly name: string;
  readonly executor: Executor;
}

/**
 * Finds events that a source sent longer ago than the bound, and that a consumer in one of the databases has not handled.
 * A database of consumers that cannot be read is reported by its own name, and the others are compared.
 */
export async function scanStalled(
  source: NamedExecutor,
  consumers: readonly NamedExecutor[],
  stalledMs: number,
  onUnread: (database: string, error: unknown) => void,
): Promise<readonly ScanFinding[]> {
  const sent = await readSent(source.executor, stalledMs);
  if (sent === undefined) return [];
  const partitions = new Map(sent.partitions.map((one) => [`${one.topic}/${one.partition}`, one]));
  const found: ScanFinding[] = [];
  for (const { name, executor } of consumers)
    for (const mark of await marksOf({ name, executor }, sent.source.id, onUnread)) {
      const partition = partitions.get(`${mark.topic}/${mark.partition}`);
      if (partition === undefined) continue;
      const reading = readPositions(partition, mark, sent.tick);
      if (reading.kind === 'handled') continue;
      const event = reading.kind === 'look' ? await findSent(source.executor, partition, reading) : undefined;
      if (reading.kind === 'look' && event === undefined) continue;
      const ageMs = event?.ageMs ?? (reading.kind === 'stalled' ? reading.ageMs : null);
      found.push(stalled({ source: sent.source.name, database: name, mark, partition, event, ageMs }));
    }
  return found;
}

async function marksOf(
  { name, executor }: NamedExecutor,
  source: string,
  onUnread: (database: string, error: unknown) => void,
): Promise<readonly ConsumerMark[]> {
  try {
    return await readMarks(executor, source);
  } catch (error) {
    onUnread(name, error);
    return [];
  }
}

interface Stalled {
  readonly source: string;
  readonly database: string;
  readonly mark: ConsumerMark;
  readonly partition: SentPartition;
  readonly event: SentEvent | undefined;
  readonly ageMs: number | null;
}

function stalled({ source, database, mark, partition, event, ageMs }: Stalled): ScanFinding {
  const { consumer, topic, halted } = mark;
  const place = `${topic}/${mark.partition}`;
  const next =
    halted === null
      ? `look at its process and its lag: \`converge consumers list ${consumer}\``
      : `it is halted (${halted}): \`converge consumers list ${consumer}\` says why and what to do`;
  return {
    alarm: 'events_stalled',
    id: `stalled ${source} ${consumer} ${place}`,
    fields: {
      source,
      consumer,
      database,
      topic,
      partition: mark.partition,
      halted,
      ageMs: ageMs && Math.round(ageMs),
      sent: formatPosition(partition.sent),
      handled: mark.mark === null ? null : formatPosition(mark.mark),
      ...(event !== undefined && { event: event.eventId, key: event.key }),
    },
    text: `events of ${source} in ${place} were sent long ago, and ${consumer} has not handled them: ${next}`,
  };
}

const fedSql = `select name as reconciler from converge.reconciler where $1::bigint = any (gaps) order by 1`;

/** Finds events that a consumer of a database passed without having them: open gaps, with the reconcilers that got their keys. */
export async function scanLost({ name, executor }: NamedExecutor): Promise<readonly ScanFinding[]> {
  const gaps = await readOpenGaps(executor);
  if (gaps.length === 0) return [];
  const reconciles = await hasTables(executor, 'converge.reconciler');
  const found: ScanFinding[] = [];
  for (const gap of gaps) {
    const fed = reconciles ? (await executor.query<{ reconciler: string }>(fedSql, [gap.gap])).rows : [];
    found.push(
      lost(
        name,
        gap,
        fed.map(({ reconciler }) => reconciler),
      ),
    );
  }
  return found;
}

function lost(database: string, gap: OpenGap, reconcilers: readonly string[]): ScanFinding {
  const { consumer, topic, partition, source } = gap;
  const next =
    reconcilers.length > 0
      ? `its keys are queued for ${reconcilers.join(', ')}`
      : `no reconciler has taken its keys (\`keys.gaps\`)`;
  return {
    alarm: 'events_lost',
    id: `lost ${database} ${gap.gap}`,
    fields: { ...gap, database, reconcilers },
    text: `${consumer} lacks events of ${source} in ${topic}/${partition}: ${next}; \`converge consumers fill ${consumer} --database <URL of the database of ${source}> --reason "…"\` brings the events while the source keeps them`,
  };
}
