import type { Executor } from '@convergekit/postgres';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import type { AlarmName } from '../alarms.ts';
import { failingConsumer, mayReport } from '../plan/failure-source.ts';
import type { Reading } from '../plan/reading.ts';
import type { Signatures } from '../plan/signatures.ts';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import { pinSources, readSources, type SourceKind } from './source-sql.ts';

/** A source that sent failure events of a consumer whose failure events come from another one. */
export interface SourceConflict {
  /** The consumer that failed, as its topic names it. */
  readonly name: string;
  /** The uuid whose failure events count; undefined: none is declared. */
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
/** The maximum of sources of a consumer without a list: each has rows in every partition that it sends to. */
export const MOST_SOURCES = 4_096;

/** The sources of a consumer whose positions count: the listed ones, or all that were seen. */
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
  #pinning: Promise<void> = Promise.resolve();

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

  /** The sources whose positions count, uuid → name. */
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

  /** Sources of failure events that do not count. */
  get conflicts(): readonly SourceConflict[] {
    return [...this.#conflicts.values()];
  }

  async load(): Promise<void> {
    this.#pinned = await readSources(this.#executor, this.#consumer);
    this.#failureSources = await readSources(this.#executor, this.#consumer, 'failures');
  }

  /** Pins the new sources of these readings in a separate statement, so that all partitions agree. */
  async pin(readings: readonly Reading[]): Promise<void> {
    await this.#pinFirst('events', () => this.#newSources(readings));
    await this.#pinFirst('failures', () => this.#newFailureSources(readings));
  }

  /**
   * Pins one set after the other, and what is new then: all partitions may meet a source at the same time, and each of their
   * statements would wait for the same row.
   */
  async #pinFirst(kind: SourceKind, newOnes: () => ReadonlyMap<string, string>): Promise<void> {
    if (newOnes().size === 0) return;
    const pinning = this.#pinning.then(async () => {
      const fresh = newOnes();
      if (fresh.size === 0) return;
      await pinSources(this.#executor, this.#consumer, kind, fresh);
      await this.load();
    });
    this.#pinning = pinning.catch(() => undefined);
    await pinning;
  }

  #newSources(readings: readonly Reading[]): ReadonlyMap<string, string> {
    const fresh = new Map<string, string>();
    if (this.#listed) return fresh;
    for (const { claim, content } of readings) {
      if (claim === undefined || content.kind === 'unreadable' || this.#pinned.has(claim.source)) continue;
      if (this.#pinned.size + fresh.size < MOST_SOURCES) fresh.set(claim.source, claim.sourceName);
    }
    return fresh;
  }

  #newFailureSources(readings: readonly Reading[]): ReadonlyMap<string, string> {
    const fresh = new Map<string, string>();
    const trust = { failureSources: this.failureSources, signatures: this.#signatures };
    for (const reading of readings) {
      const failing = failingConsumer(reading);
      const { claim } = reading;
      if (failing === undefined || claim === undefined) continue;
      if (!this.#pinned.has(claim.source)) continue;
      if (mayReport(failing, claim, trust)) continue;
      const own = trust.failureSources.get(failing) ?? fresh.get(failing);
      if (own === undefined && this.#signatures === undefined) fresh.set(failing, claim.source);
      else if (own !== claim.source) this.#report({ name: failing, pinned: own, other: claim.source });
    }
    return fresh;
  }

  /** Reports each conflict once, up to the most kept. */
  #report(conflict: SourceConflict): void {
    const id = `${conflict.name} ${conflict.other}`;
    if (this.#conflicts.has(id) || this.#conflicts.size >= MOST_CONFLICTS) return;
    this.#conflicts.set(id, conflict);
    instruments().inboxSourceConflicts.add(1, { [attributeNames.consumer]: this.#consumer });
    const { name: failing, ...sources } = conflict;
    this.#log.error(
      { alarm: 'failure_source' satisfies AlarmName, failing, ...sources },
      'failure events that do not come from the failing consumer’s source: they become dead letters, and nothing is compensated for them',
    );
  }
}
