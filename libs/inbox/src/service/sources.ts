import type { Executor } from '@converge/postgres';
import { attributeNames, instruments, type Logger } from '@converge/telemetry';
import type { AlarmName } from '../alarms.ts';
import type { Reading } from '../decide/reading.ts';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import { MAX_SOURCE_NAME } from '../define/trusted-sources.ts';
import { pinSources, readSources } from '../query/source.ts';

/** A source whose positions do not count: two databases call themselves alike, or the consumer lists its sources. */
export interface SourceConflict {
  readonly name: string;
  /** The uuid that counts under this name; undefined: the consumer lists its sources, and this is none of them. */
  readonly pinned: string | undefined;
  readonly other: string;
}

export type ListsSources = Pick<ConsumerDefinition<never>, 'name' | 'sources'>;

/** A hostile producer may claim any number of uuids. */
const MOST_CONFLICTS = 100;

/** Which uuid counts under which source name, for one consumer: those that it lists, or whoever was seen first. */
export class Sources {
  #pinned: ReadonlyMap<string, string> = new Map();
  readonly #executor: Executor;
  readonly #consumer: string;
  readonly #listed: boolean;
  readonly #log: Logger;
  readonly #conflicts = new Map<string, SourceConflict>();

  constructor(executor: Executor, { name, sources }: ListsSources, log: Logger) {
    this.#executor = executor;
    this.#consumer = name;
    this.#listed = sources !== undefined;
    this.#log = log;
  }

  get pinned(): ReadonlyMap<string, string> {
    return this.#pinned;
  }

  /** Sources that were met under a name that another one has. */
  get conflicts(): readonly SourceConflict[] {
    return [...this.#conflicts.values()];
  }

  async load(): Promise<void> {
    this.#pinned = await readSources(this.#executor, this.#consumer);
  }

  /** Pins what is new in these readings, in a statement of its own, so that all partitions see the same. */
  async pin(readings: readonly Reading[]): Promise<void> {
    const fresh = new Map<string, string>();
    for (const { claim, content } of readings) {
      if (claim === undefined || content.kind === 'unreadable') continue;
      const { sourceName, source } = claim;
      const pinned = this.#pinned.get(sourceName);
      if (pinned === undefined && !this.#listed) {
        if (sourceName.length <= MAX_SOURCE_NAME && !fresh.has(sourceName)) fresh.set(sourceName, source);
      } else if (pinned !== source) this.#alarm(sourceName, pinned, source);
    }
    if (fresh.size === 0) return;
    await pinSources(this.#executor, this.#consumer, fresh);
    await this.load();
  }

  #alarm(name: string, pinned: string | undefined, source: string): void {
    const id = `${name} ${source}`;
    if (this.#conflicts.has(id) || this.#conflicts.size >= MOST_CONFLICTS) return;
    this.#conflicts.set(id, { name, pinned, other: source });
    instruments().inboxSourceConflicts.add(1, { [attributeNames.consumer]: this.#consumer });
    if (pinned === undefined)
      this.#log.error(
        { alarm: 'source_not_listed' satisfies AlarmName, source: name, other: source },
        'a source that this consumer does not list: its positions do not count, its events are deduplicated one by one; list it, or stop it',
      );
    else
      this.#log.error(
        { alarm: 'source_name_reused' satisfies AlarmName, source: name, pinned, other: source },
        'two sources under one name: positions of the other do not count, its events are deduplicated one by one; give it its own name',
      );
  }
}
