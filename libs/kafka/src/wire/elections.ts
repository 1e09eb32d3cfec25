import type { TopicMetadata } from './metadata-request.ts';

/** The last election of a leader of each partition, as any broker reported it. A topic that is made again begins anew. */
export class Elections {
  readonly #topics = new Map<string, { readonly topicId: string; readonly last: Map<number, number> }>();

  /** Records the election of a leader; −1: the broker does not say. False: a later one is known. */
  isLatest({ name, topicId }: TopicMetadata, partition: number, election: number): boolean {
    const known = this.#topics.get(name);
    const topic = known?.topicId === topicId ? known : { topicId, last: new Map<number, number>() };
    this.#topics.set(name, topic);
    if (election < 0) return true;
    if (election < (topic.last.get(partition) ?? 0)) return false;
    topic.last.set(partition, election);
    return true;
  }

  /** Forgets all: a cluster that was restored from a copy counts its elections from those of the copy. */
  clear(): void {
    this.#topics.clear();
  }
}
