import {
  type OpenGap,
  type ParkedGroup,
  type PartitionLag,
  type PartitionOverview,
  PAUSED,
} from '@convergekit/inbox/operate';
import type { ScanFinding } from '../scans/findings.ts';
import { counted } from '../text.ts';
import { BRIEF_MS, FORGOTTEN_MS, RESTART_MS } from './bounds.ts';
import { type FoundCondition, HERE, page } from './found.ts';

const seen = (consumer: string) => page('See the consumer', '/consumers', { database: HERE, consumer });

/** The partitions that the text of an item names; the page behind it lists all. */
const MOST_NAMED = 3;

/**
 * Lists the halted partitions of consumers (pure), one item for each consumer and code. Those that an operator paused are
 * `pausedItems`.
 */
export function haltedItems(partitions: readonly PartitionOverview[]): readonly FoundCondition[] {
  const halts = partitions.flatMap(({ halted, ...one }) =>
    halted === null || halted.code === PAUSED ? [] : [{ ...one, ...halted }],
  );
  return [...Map.groupBy(halts, ({ consumer, code }) => `${consumer} ${code}`).values()].flatMap((own) => {
    const [first] = own.toSorted((a, b) => a.at.getTime() - b.at.getTime());
    if (first === undefined) return [];
    const { consumer, topic, code, reason, at } = first;
    const places = own.slice(0, MOST_NAMED).map((one) => `${one.topic}/${one.partition}`);
    const more = own.length > MOST_NAMED ? ` and ${own.length - MOST_NAMED} more` : '';
    const where = own.length === 1 ? places.join() : `${own.length} partitions (${places.join(', ')}${more})`;
    return [
      {
        severity: 'act',
        alarm: code,
        text: `${consumer} is halted at ${where}: ${reason}`,
        since: at,
        next: `converge consumers list ${consumer}`,
        page: seen(consumer),
        about: { consumer, topic },
      } as const,
    ];
  });
}

/** The waits that nothing but a repair ends. The others end when the other side answers, or with a deployment. */
const REPAIRED = new Set(['systemic_fault', 'parked_cap']);

/** Lists what the owners of partitions wait for (pure): one item for each consumer and reason. */
export function waitItems(partitions: readonly PartitionOverview[], now: number): readonly FoundCondition[] {
  const waiting = partitions.flatMap(({ waits, ...one }) => (waits === null ? [] : [{ ...one, ...waits }]));
  const late = waiting.filter(({ since }) => now - since.getTime() >= BRIEF_MS);
  return [...Map.groupBy(late, ({ consumer, code }) => `${consumer} ${code}`).values()].flatMap((own) => {
    const [first] = own.toSorted((a, b) => a.since.getTime() - b.since.getTime());
    if (first === undefined) return [];
    const { consumer, topic, code, reason, since } = first;
    return [
      {
        severity: REPAIRED.has(code) ? 'act' : 'watch',
        alarm: code,
        text: `${consumer} waits (${counted(own.length, 'partition', 'partitions')}), as its process noted: ${reason}`,
        since,
        next: `converge consumers list ${consumer}`,
        page: seen(consumer),
        about: { consumer, topic },
      } as const,
    ];
  });
}

/** A consumer without a process, that has records to read. */
export interface GoneConsumer {
  readonly consumer: string;
  readonly lag: bigint;
  /** When the oldest of those records was written; null: it cannot be read. */
  readonly oldest: Date | null;
}

/** Describes a consumer without a process (pure). While it may be restarted, it is a note. */
export function goneCondition({ consumer, lag, oldest }: GoneConsumer, now: number): FoundCondition {
  const isRestart = oldest !== null && now - oldest.getTime() < RESTART_MS;
  return {
    alarm: 'consumer_gone',
    severity: isRestart ? 'note' : 'act',
    text: `no process of ${consumer} is in its group, and ${lag} ${lag === 1n ? 'record waits' : 'records wait'}: none runs, or the broker refuses it, and its log says why; one that was removed from the code belongs in reconcile.scans.ignoredConsumers`,
    since: oldest,
    next: `converge consumers list ${consumer}`,
    page: seen(consumer),
    about: { consumer },
  };
}

/** A partition with this many records to read may be hot. */
const HOT_RECORDS = 1_000n;
/** A partition is hot with this many times the records of any other of its topic. */
const HOT_TIMES = 10n;

/** A partition that is far behind the others of its topic. */
export interface HotPartition<One = PartitionLag> {
  readonly partition: One;
  readonly lag: bigint;
  /** The most that another partition of its topic has to read. */
  readonly others: bigint;
}

/** Finds the partitions of a consumer that run and are far behind the others of their topic (pure). */
export function hotOf<One extends PartitionLag>(own: readonly One[]): readonly HotPartition<One>[] {
  return own.flatMap((partition) => {
    const { lag, topic, halted, waits } = partition;
    const rest = own.filter((one) => one !== partition && one.topic === topic);
    const lags = rest.flatMap((one) => one.lag ?? []);
    if (lag === null || halted !== null || waits !== null || lags.length === 0) return [];
    const others = lags.reduce((most, one) => (one > most ? one : most), 0n);
    return lag >= HOT_RECORDS && lag >= HOT_TIMES * others ? [{ partition, lag, others }] : [];
  });
}

/** Describes a partition that is far behind the others (pure). */
export function hotCondition({ partition, lag, others }: HotPartition, oldest: Date): FoundCondition {
  const { consumer, topic, partition: number } = partition;
  return {
    alarm: 'partition_hot',
    severity: 'watch',
    text: `${consumer} is ${counted(Number(lag), 'record', 'records')} behind in ${topic}/${number}, and at most ${others} in each other partition: one key has most of the events, or its handler is slow for them`,
    since: oldest,
    next: `converge consumers list ${consumer}`,
    page: seen(consumer),
    about: { consumer, topic },
  };
}

/** Lists the consumers that an operator paused (pure), each once: none of their partitions goes on before it is resumed. */
export function pausedItems(
  partitions: readonly PartitionOverview[],
  now: number,
): readonly FoundCondition[] {
  const paused = partitions.filter(({ halted }) => halted?.code === PAUSED);
  return [...Map.groupBy(paused, ({ consumer }) => consumer)].flatMap(([consumer, own]) => {
    const halts = own.flatMap(({ halted }) => halted ?? []);
    const [first] = halts.toSorted((a, b) => a.at.getTime() - b.at.getTime());
    if (first === undefined) return [];
    const where = counted(own.length, 'partition', 'partitions');
    return [
      {
        severity: severityOfPause(first.at, now),
        state: 'paused',
        alarm: PAUSED,
        text: `${consumer} is ${first.reason.replace(/\. It continues by .*$/s, '')} (${where})`,
        since: first.at,
        next: `converge consumers resume ${consumer} --reason "…"`,
        page: page('Resume it', '/consumers/resume', { database: HERE, consumer }),
        about: { consumer },
      } as const,
    ];
  });
}

/**
 * Lists dead letters and parked events by their failure (pure), with the number of those queued behind them. A dead letter
 * whose key was released holds nothing: its failure event was sent, and what follows from it is compensated.
 */
export function parkedItems(groups: readonly ParkedGroup[]): readonly FoundCondition[] {
  const behind = Map.groupBy(groups.filter(isBehind), ({ consumer, topic }) => `${consumer} ${topic}`);
  return groups.flatMap((group): readonly FoundCondition[] => {
    const { consumer, topic, state, category, code, structural, events, keys, oldest, holding } = group;
    if ((state !== 'dead' && state !== 'waiting') || category === null || code === null) return [];
    const dead = state === 'dead';
    const what = dead
      ? counted(events, 'dead letter', 'dead letters')
      : counted(events, 'event waits', 'events wait');
    const text = `${consumer}: ${what} of ${counted(keys, 'key', 'keys')} of ${topic}, `;
    // A hundred thousand events may wait behind the one that failed.
    const follow = sumOf(behind.get(`${consumer} ${topic}`) ?? []);
    const isReleased = dead && holding === 0;
    const more =
      isReleased || follow === 0
        ? ''
        : `; of this topic ${counted(follow, 'event waits', 'events wait')} behind such events`;
    return [
      {
        severity: isReleased ? 'watch' : dead || structural ? 'act' : 'watch',
        alarm: structural ? 'structural' : category === 'data' || category === 'bug' ? category : 'exhausted',
        text: `${text}${code} (${category})${isReleased ? ': given up and reported to its compensations, later events of the keys continue' : ''}${more}`,
        since: oldest,
        next: `converge parked groups --consumer ${consumer} --state ${state}`,
        page: page('See the failures', '/parked', { database: HERE, consumer, category, code }),
        ...(dead && { state: 'given up' as const }),
        about: { consumer, topic },
      },
    ];
  });
}

const isBehind = ({ state, code }: ParkedGroup): boolean => state === 'waiting' && code === null;

const sumOf = (groups: readonly ParkedGroup[]): number => groups.reduce((sum, { events }) => sum + events, 0);

/** Lists events that consumers passed without having them (pure), one item for each consumer and source. */
export function gapItems(gaps: readonly OpenGap[]): readonly FoundCondition[] {
  const groups = Map.groupBy(gaps, ({ consumer, topic, source }) => `${consumer} ${topic} ${source}`);
  return [...groups.values()].flatMap((some) => {
    const [first] = some;
    if (first === undefined) return [];
    const { consumer, topic, source } = first;
    return [
      {
        severity: 'act',
        alarm: 'events_lost',
        text: `${consumer} lacks events of ${source} in ${topic}: ${counted(some.length, 'open gap', 'open gaps')}`,
        since: null,
        next: `converge consumers fill ${consumer} --database <URL of the database of ${source}> --reason "…"`,
        page: page('Fill it', '/consumers/fill', { database: HERE, consumer }),
        about: { consumer, topic },
      } as const,
    ];
  });
}

/** The severity of an operator's pause (pure): an old one may be forgotten. */
export function severityOfPause(at: Date, now: number): FoundCondition['severity'] {
  return now - at.getTime() >= FORGOTTEN_MS ? 'act' : 'watch';
}

/** Lists events that were sent long ago and that a consumer of one of the databases has not handled (pure). */
export function stalledItems(findings: readonly ScanFinding[], now: number): readonly FoundCondition[] {
  return findings.map(({ alarm, text, fields }) => {
    const { consumer, topic, ageMs } = fields;
    return {
      severity: 'watch',
      alarm,
      text: text.replace(/: look at .*$/s, ''),
      since: typeof ageMs === 'number' ? new Date(now - ageMs) : null,
      next: `converge consumers list ${String(consumer)}`,
      page: seen(String(consumer)),
      about: { consumer: String(consumer), topic: String(topic) },
    } as const;
  });
}
