import type { Executor } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import type { AlarmName } from '../alarms.ts';
import { failingConsumer, mayReport } from '../plan/failure-source.ts';
import type { Reading } from '../plan/reading.ts';
import type { Signatures } from '../plan/signatures.ts';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import { pinSources, readSources } from './source-sql.ts';

/** A source whose positions do not count: two databases share a name, or the consumer does not list it. */
export interface SourceConflict {
  readonly name: string;
  /** The uuid that counts under this name; undefined: the consumer lists its sources without it. */
  readonly pinned: string | undefined;
  readonly other: string;
}

export type ListsSources = Pick<ConsumerDefinition<never>, 'name' | 'sources' | 'failureSources'>;

interface Comparing {
  readonly log: Logger;
  readonly signatures?: Signatures | undefined;
}

/** The most conflicts kept: a hostile producer may claim any number of uuids. */
const MOST_CONFLICTS = 100;
/** The maximum of sources of a consumer without a list: each has rows, and is compared with every event. */
export const MOST_SOURCES = 256;

const conflictTexts = {
  failure_source:
    'failure events that do not come from the failing consumer’s source: they become dead letters, and nothing is compensated for them',
  too_many_sources: `more sources send than the ${MOST_SOURCES} that a consumer pins: positions of the others do not count, their events are deduplicated one by one; list the trusted sources in \`sources\``,
  source_not_listed:
    'a source that this consumer does not list: its positions do not count, its events are deduplicated one by one; list it, or stop it',
  source_name_reused:
    'two sources under one name: positions of the other do not count, its events are deduplicated one by one; give it its own name',
} as const satisfies Partial<Record<AlarmName, string>>;

type ConflictAlarm = keyof typeof conflictTexts;

/** The uuid that counts under each source name of a consumer: the listed or first seen one. */
export class Sources {
  #pinned: ReadonlyMap<string, string> = new Map();
  #failureSources: ReadonlyMap<string, string> = new Map();
  readonly #executor: Executor;
  readonly #consumer: string;
  readonly #listed: boolean;
  readonly #declared: ReadonlyMap<string, string>;
  readonly #signatures: Signatures | undefined;
  readonly #log: Logger;
  readonly #conflicts = new Map<string, SourceConflict>();

  constructor(
    executor: Executor,
    { name, sources, failureSources }: ListsSources,
    { log, signatures }: Comparing,
  ) {
    this.#executor = executor;
    this.#consumer = name;
    this.#listed = sources !== undefined;
    this.#declared = new Map(Object.entries(failureSources));
    this.#signatures = signatures;
    this.#log = log;
  }

  get pinned(): ReadonlyMap<string, string> {
    return this.#pinned;
  }

  /**
   * Failing consumer → the source of its failure events. Where signatures are on, the first one seen is not trusted. The
   * names come from topics that this consumer reads, so a hostile producer cannot add any.
   */
  get failureSources(): ReadonlyMap<string, string> {
    return this.#signatures === undefined ? this.#failureSources : this.#declared;
  }

  /** Sources seen under a name that belongs to another one. */
  get conflicts(): readonly SourceConflict[] {
    return [...this.#conflicts.values()];
  }

  async load(): Promise<void> {
    this.#pinned = await readSources(this.#executor, this.#consumer);
    this.#failureSources = await readSources(this.#executor, this.#consumer, 'failures');
  }

  /** Pins the new sources of these readings in a separate statement, so that all partitions agree. */
  async pin(readings: readonly Reading[]): Promise<void> {
    await this.#pinNames(readings);
    const fresh = new Map<string, string>();
    const trust = { failureSources: this.failureSources, signatures: this.#signatures };
    for (const reading of readings) {
      const failing = failingConsumer(reading);
      const { claim } = reading;
      if (failing === undefined || claim === undefined) continue;
      if (this.#pinned.get(claim.sourceName) !== claim.source) continue;
      if (mayReport(failing, claim, trust)) continue;
      const own = trust.failureSources.get(failing) ?? fresh.get(failing);
      if (own === undefined && this.#signatures === undefined) fresh.set(failing, claim.source);
      else if (own !== claim.source)
        this.#report(
          'failure_source',
          `failures of ${failing}`,
          { name: failing, pinned: own, other: claim.source },
          'failing',
        );
    }
    if (fresh.size === 0) return;
    await pinSources(this.#executor, this.#consumer, 'failures', fresh);
    await this.load();
  }

  async #pinNames(readings: readonly Reading[]): Promise<void> {
    const fresh = new Map<string, string>();
    for (const { claim, content } of readings) {
      if (claim === undefined || content.kind === 'unreadable') continue;
      const { sourceName, source } = claim;
      const pinned = this.#pinned.get(sourceName);
      if (pinned === undefined && !this.#listed) {
        if (fresh.has(sourceName)) continue;
        if (this.#pinned.size + fresh.size < MOST_SOURCES) fresh.set(sourceName, source);
        else this.#report('too_many_sources', 'too many', { name: sourceName, pinned, other: source });
      } else if (pinned !== source) {
        const alarm = pinned === undefined ? 'source_not_listed' : 'source_name_reused';
        this.#report(alarm, `${sourceName} ${source}`, { name: sourceName, pinned, other: source });
      }
    }
    if (fresh.size === 0) return;
    await pinSources(this.#executor, this.#consumer, 'events', fresh);
    await this.load();
  }

  /** Reports each conflict once, up to the most kept. `as`: the field of the line that has its name. */
  #report(alarm: ConflictAlarm, id: string, conflict: SourceConflict, as = 'source'): void {
    if (this.#conflicts.has(id) || this.#conflicts.size >= MOST_CONFLICTS) return;
    this.#conflicts.set(id, conflict);
    instruments().inboxSourceConflicts.add(1, { [attributeNames.consumer]: this.#consumer });
    const { name, ...sources } = conflict;
    this.#log.error({ alarm, [as]: name, ...sources }, conflictTexts[alarm]);
  }
}
