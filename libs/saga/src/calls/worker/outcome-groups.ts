import type { ResolvedOptions } from './options.ts';
import { type Recording, recordOutcomes } from './record-outcome.ts';

/** The most transactions of one call that record outcomes at the same time: while one waits for a lock, another goes on. */
const AT_ONCE = 2;

/** An outcome that waits for its transaction. */
interface Waiting<DB> {
  readonly recording: Recording<DB>;
  readonly recorded: PromiseWithResolvers<boolean>;
}

/** The outcomes of one call. */
interface Group<DB> {
  running: number;
  waiting: Waiting<DB>[];
}

type Options<DB> = Pick<ResolvedOptions<DB>, 'database' | 'clock' | 'random' | 'log'>;

/** Records outcomes, of one call by two transactions at most: those of the meantime follow together. */
export class OutcomeGroups<DB> {
  readonly #options: Options<DB>;
  readonly #groups = new Map<string, Group<DB>>();

  constructor(options: Options<DB>) {
    this.#options = options;
  }

  /** Records an outcome. False = the claim was lost, nothing was written. Rejects when it could not be recorded. */
  async record(recording: Recording<DB>): Promise<boolean> {
    if (recording.call.grouped !== true) return this.#alone(recording);
    const { name } = recording.call;
    const group = this.#groups.get(name) ?? { running: 0, waiting: [] };
    this.#groups.set(name, group);
    const recorded = Promise.withResolvers<boolean>();
    group.waiting.push({ recording, recorded });
    void this.#run(group);
    return recorded.promise;
  }

  async #run(group: Group<DB>): Promise<void> {
    if (group.running >= AT_ONCE) return;
    group.running += 1;
    while (group.waiting.length > 0) {
      const together = group.waiting;
      group.waiting = [];
      await this.#together(together);
    }
    group.running -= 1;
  }

  /** Records outcomes together. If that fails, each gets a transaction, so that it costs only the one that fails. */
  async #together(waiting: readonly Waiting<DB>[]): Promise<void> {
    try {
      const recordings = waiting.map(({ recording }) => recording);
      const ids = await recordOutcomes(this.#options, recordings);
      for (const { recording, recorded } of waiting) recorded.resolve(ids.has(recording.work.id));
    } catch (error) {
      const [first] = waiting;
      if (waiting.length === 1) return first?.recorded.reject(error);
      await Promise.all(
        waiting.map(({ recording, recorded }) =>
          this.#alone(recording).then(recorded.resolve, recorded.reject),
        ),
      );
    }
  }

  async #alone(recording: Recording<DB>): Promise<boolean> {
    return (await recordOutcomes(this.#options, [recording])).has(recording.work.id);
  }
}
