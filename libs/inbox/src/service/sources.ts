import type { Executor } from '@converge/postgres';
import { attributeNames, instruments, type Logger } from '@converge/telemetry';
import type { AlarmName } from '../alarms.ts';
import type { Reading } from '../decide/reading.ts';
import { pinSources, readSources } from '../query/source.ts';

/** Longer names are no names of ours; the table's index could not take them. */
const MAX_NAME = 512;

/** Two databases that call themselves alike: one of them was set up as a copy, or its name was not changed. */
export interface SourceConflict {
  readonly name: string;
  /** The uuid that was seen first, and counts. */
  readonly pinned: string;
  readonly other: string;
}

/** A hostile producer may claim any number of uuids. */
const MOST_CONFLICTS = 100;

/** Which uuid counts under which source name, for one consumer: whoever was seen first. */
export class Sources {
  #pinned: ReadonlyMap<string, string> = new Map();
  readonly #executor: Executor;
  readonly #consumer: string;
  readonly #log: Logger;
  readonly #conflicts = new Map<string, SourceConflict>();

  constructor(executor: Executor, consumer: string, log: Logger) {
    this.#executor = executor;
    this.#consumer = consumer;
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
      if (pinned === undefined) {
        if (sourceName.length <= MAX_NAME && !fresh.has(sourceName)) fresh.set(sourceName, source);
      } else if (pinned !== source) this.#alarm(sourceName, pinned, source);
    }
    if (fresh.size === 0) return;
    await pinSources(this.#executor, this.#consumer, fresh);
    await this.load();
  }

  #alarm(name: string, pinned: string, source: string): void {
    const id = `${name} ${source}`;
    if (this.#conflicts.has(id) || this.#conflicts.size >= MOST_CONFLICTS) return;
    this.#conflicts.set(id, { name, pinned, other: source });
    instruments().inboxSourceConflicts.add(1, { [attributeNames.consumer]: this.#consumer });
    this.#log.error(
      { alarm: 'source_name_reused' satisfies AlarmName, source: name, pinned, other: source },
      'two sources under one name: positions of the other do not count, its events are deduplicated one by one; give it its own name',
    );
  }
}
