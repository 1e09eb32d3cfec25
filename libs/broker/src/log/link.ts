import { type Clock, newUuidV7 } from '@convergekit/core';
import { type Assignment, BrokerError, type StartAt } from '../broker.ts';
import { partitionMissing, topicUnknown } from '../errors.ts';
import type { Fetched, FetchWant, GroupLink, Membership, PlaceOffset } from '../group/link.ts';
import { announce, nextStep } from './join-decision.ts';
import { KnownEnds } from './known-ends.ts';
import { answerOf, atEnd, resolveStarts } from './read.ts';
import {
  groupSubject,
  type HeartbeatAnswer,
  type Leadership,
  type LogStore,
  oneServer,
  type WakeUps,
} from './store.ts';

export interface LogLinkOptions {
  readonly store: LogStore;
  /** For what comes before the membership: it may take longer than the member's session allows. @default store */
  readonly first?: LogStore;
  readonly wakeUps: WakeUps;
  /** @default one server serves all partitions */
  readonly leadership?: Leadership | undefined;
  /** Resolves when the log's tables are there. @default at once */
  readonly ready?: () => Promise<void>;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly clock: Clock;
}

/** The pause between two reads without notifications, in milliseconds. */
const POLL_MS = 25;
/**
 * Known ends and a known membership answer for this long, in milliseconds, where notifications arrive: one may be lost without
 * a word.
 */
const KNOWN_MS = 2_500;
/** The pause between two looks at a group that a member waits for, in milliseconds. */
const JOIN_POLL_MS = 100;
/** Bytes of one answer, all partitions together. */
const ANSWER_BYTES = 16_777_216;

/** The requests of a group member to a log that one server keeps, each one statement. */
export class LogLink implements GroupLink {
  readonly #options: LogLinkOptions;
  readonly #topicIds = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  readonly #closed = new AbortController();
  #node: number | undefined;
  readonly #recreated: string[] = [];
  /** When known ends are read again. */
  #readUntil = -Infinity;
  #memberId = newUuidV7();
  /** The membership that a heartbeat found and that no notification has ended since; its time is over at `until`. */
  #known: { readonly generation: number; readonly until: number } | undefined;
  #heard = new AbortController();
  readonly #ends: KnownEnds;

  constructor(options: LogLinkOptions) {
    this.#options = options;
    this.#ends = new KnownEnds(options.wakeUps);
  }

  async connect(): Promise<void> {
    const { store, first = store, topics, groupId, ready } = this.#options;
    await ready?.();
    const found = await first.findTopics(topics);
    for (const topic of topics) {
      const known = found.get(topic);
      if (known === undefined) throw topicUnknown(topic);
      this.#topicIds.set(topic, known.id);
    }
    await first.makeGroup(groupId);
  }

  async join(): Promise<Membership> {
    await this.refresh();
    await this.#announce();
    const { store, groupId, topics, wakeUps, clock } = this.#options;
    const subjects = [groupSubject(groupId)];
    while (!this.#isClosed()) {
      const over = new AbortController();
      const changed = wakeUps.next(subjects, over.signal);
      try {
        const state = await store.readGroup(groupId, this.#memberId, topics);
        if (this.#isClosed()) break;
        const step = state === undefined ? ({ kind: 'removed' } as const) : nextStep(state, this.#memberId);
        if (step.kind === 'joined')
          return {
            memberId: this.#memberId,
            generation: Number(state?.generation),
            assigned: step.assigned,
          };
        if (step.kind === 'removed') await this.#announce();
        else if (step.kind === 'write') await store.changeGroup(groupId, state?.version ?? 0n, step.change);
        else await Promise.race([changed, clock.sleep(JOIN_POLL_MS, this.#closed.signal)]);
      } finally {
        over.abort('over');
      }
    }
    throw notMember(`joining group ${groupId} ended: the consumer was closed`);
  }

  async heartbeat({ memberId, generation }: Membership): Promise<HeartbeatAnswer> {
    const { store, groupId, wakeUps, sessionTimeoutMs, clock } = this.#options;
    this.#lookUpLeader();
    const known = this.#known;
    if (known?.generation === generation && clock.monotonic() < known.until && wakeUps.isLive)
      return 'member';
    const until = clock.monotonic() + Math.min(KNOWN_MS, sessionTimeoutMs / 4);
    const changed = this.#nextChange();
    const answer = await store.heartbeat(groupId, memberId, generation);
    if (answer === 'member' && !changed.aborted) this.#known = { generation, until };
    if (answer === 'lost') this.#memberId = newUuidV7();
    return answer;
  }

  /** Forgets the membership, and returns a signal that aborts at the next change of the group. Call it before it is read. */
  #nextChange(): AbortSignal {
    this.#heard.abort('over');
    this.#known = undefined;
    const heard = new AbortController();
    this.#heard = heard;
    void this.#options.wakeUps.next([groupSubject(this.#options.groupId)], heard.signal).then(() => {
      if (this.#heard === heard) this.#known = undefined;
      heard.abort('heard');
    });
    return heard.signal;
  }

  async leave(): Promise<void> {
    // A join in progress must not write this member again behind the statement that removes it.
    this.#closed.abort();
    await this.#options.store.leave(this.#options.groupId, this.#memberId);
  }

  async commit(membership: Membership, committed: readonly PlaceOffset[]): Promise<void> {
    const { store, groupId } = this.#options;
    const offsets = committed.map((one) => ({ ...one, topicId: this.#topicIdOf(one) }));
    const [first] = committed;
    if (first !== undefined && !(await store.commitOffsets({ ...membership, groupId, offsets })))
      throw notMember(
        `the commit of ${first.topic}/${first.partition} is refused: the group has rebalanced since`,
        first,
      );
  }

  resolve(wanted: readonly (Assignment & { readonly at: StartAt })[]): Promise<readonly bigint[]> {
    return resolveStarts(this.#options.store, this.#options.groupId, wanted);
  }

  async ends({ topic, partition }: Assignment): Promise<{ readonly end: bigint; readonly stable: bigint }> {
    const ends = await this.#options.store.readEnds(topic);
    const end = ends.find((one) => one.partition === partition)?.latest;
    if (end === undefined) throw partitionMissing({ topic, partition });
    return { end, stable: end };
  }

  nodeOf(): number | undefined {
    return this.#node;
  }

  onLeaders(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async fetch(_node: number, wants: readonly FetchWant[], maxWaitMs: number): Promise<readonly Fetched[]> {
    const { store, wakeUps, clock } = this.#options;
    const until = clock.monotonic() + maxWaitMs;
    const most = Math.ceil(ANSWER_BYTES / wants.length);
    const places = wants.map((want) => {
      return { ...want, topicId: this.#topicIdOf(want), maxBytes: Math.min(want.maxBytes, most) };
    });
    const subjects = [...new Set(places.map(({ topicId }) => topicId))];
    const isDue = (): boolean => clock.monotonic() >= until || this.#isClosed();
    for (;;) {
      if (!this.#ends.areAt(wants) || clock.monotonic() >= this.#readUntil) {
        this.#ends.beforeRead(subjects);
        this.#readUntil = clock.monotonic() + KNOWN_MS;
        const found = await store.fetch(places);
        const answers = wants.map((want, index) => answerOf(want, found[index]));
        this.#ends.read(answers);
        if (isDue() || answers.some((answer) => !answer.ok || answer.records.length > 0)) return answers;
      } else if (isDue()) return wants.map(atEnd);
      // The time may have passed since the look at it: a timer must not get less than 0.
      const left = Math.max(until - clock.monotonic(), 0);
      await this.#untilAppended(wakeUps.isLive ? left : Math.min(left, POLL_MS));
    }
  }

  async #untilAppended(ms: number): Promise<void> {
    const over = new AbortController();
    const asleep = this.#options.clock.sleep(ms, AbortSignal.any([over.signal, this.#closed.signal]));
    await Promise.race([this.#ends.appended, asleep]);
    over.abort('over');
  }

  async refresh(): Promise<void> {
    const found = await this.#options.store.findTopics([...this.#topicIds.keys()]);
    this.#lookUpLeader();
    for (const [name, known] of this.#topicIds) {
      const id = found.get(name)?.id;
      if (id === undefined || id === known) continue;
      this.#topicIds.set(name, id);
      this.#recreated.push(name);
    }
  }

  recreated(): readonly string[] {
    return this.#recreated.splice(0);
  }

  close(): Promise<void> {
    this.#closed.abort();
    this.#heard.abort('over');
    this.#ends.close();
    this.#options.store.close();
    return Promise.resolve();
  }

  /** Writes this member as waiting; repeated when another member changed the group meanwhile. */
  async #announce(): Promise<void> {
    const { store, groupId, topics, sessionTimeoutMs: sessionMs } = this.#options;
    for (;;) {
      const state = await store.readGroup(groupId, this.#memberId, topics);
      if (this.#isClosed()) return;
      if (state === undefined) await store.makeGroup(groupId);
      else {
        const change = announce(state, { id: this.#memberId, topics, sessionMs });
        if (await store.changeGroup(groupId, state.version, change)) return;
      }
    }
  }

  #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  #lookUpLeader(): void {
    const { leadership = oneServer } = this.#options;
    const node = leadership.lookUp();
    if (node === this.#node) return;
    this.#node = node;
    for (const listener of this.#listeners) listener();
  }

  #topicIdOf({ topic }: Assignment): string {
    const id = this.#topicIds.get(topic);
    if (id === undefined) throw topicUnknown(topic);
    return id;
  }
}

function notMember(message: string, place?: Assignment): BrokerError {
  const where = place === undefined ? {} : { topic: place.topic, partition: place.partition };
  return new BrokerError(message, { code: 'NOT_A_MEMBER', kind: 'retry', ...where });
}
