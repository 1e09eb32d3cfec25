import { instruments } from '@convergekit/telemetry/engine';
import type { Leadership } from '../leader/leadership.ts';
import type { Tick } from './tick.ts';
import { sqlState, type TupleBlock } from '@convergekit/postgres/engine';
import { pollOutbox, POLL_BYTES, readLatestTick } from './window-sql.ts';

export interface MadeTick {
  readonly tick: Tick;
  /** undefined when the window did not fit into the reply, or may not be durable. */
  readonly rows: TupleBlock | undefined;
}

/** Makes ticks, one after the other, and knows the latest one. */
export class Ticker {
  readonly #leader: Leadership;
  readonly #warned: () => boolean;
  #latest: Tick;
  #sequence: bigint;

  /** `warned` returns whether the server sent a warning since its last call. */
  constructor(leader: Leadership, at: { tick: Tick; sequence: bigint }, warned: () => boolean) {
    this.#leader = leader;
    this.#latest = at.tick;
    this.#sequence = at.sequence;
    this.#warned = warned;
  }

  get latest(): Tick {
    return this.#latest;
  }

  /** Polls once. undefined when nothing was new, or when another relay made the tick, which is then read by number. */
  async tick(when: 'always' | 'when_new', page: number, lowest: bigint): Promise<MadeTick | undefined> {
    let always = when === 'always';
    let distrust = false;
    for (;;) {
      const made = await this.#once(always, page, lowest);
      if (this.#warned()) {
        // "canceling wait for synchronous replication": the tick may be on no standby. A later one that was waited
        // for makes it durable too; until then nothing of it is sent.
        const { log, clock } = this.#leader.settings;
        this.#leader.totals.tickWarnedAt = clock.monotonic();
        log.warn({}, 'Postgres warned at the commit of a tick; making another');
        always = distrust = true;
        continue;
      }
      if (made === 'taken') {
        if (!always) return undefined;
        continue;
      }
      if (made === undefined && always && !this.#leader.ending.isOver()) {
        this.#leader.deposed('a tick was refused: the lease has another term');
        return undefined;
      }
      return made === undefined || distrust ? undefined : made;
    }
  }

  async #once(always: boolean, page: number, lowest: bigint): Promise<MadeTick | 'taken' | undefined> {
    const { reads, epoch, fence, settings, label, backlog, time } = this.#leader;
    const began = settings.clock.monotonic();
    try {
      const reply = await pollOutbox(reads, {
        previous: this.#latest,
        lowest,
        page,
        bytes: Math.min(POLL_BYTES, backlog.pageBytes),
        floor: this.#sequence,
        nonce: settings.nonce(),
        epoch,
        lease: fence.lease,
        term: fence.term,
        always,
      });
      this.#sequence = reply.sequence;
      time.read(reply.clockMs);
      if (reply.tick === undefined) return undefined;
      this.#latest = reply.tick;
      instruments().relayTicks.add(1, label);
      instruments().relayTickDuration.recordMs(settings.clock.monotonic() - began, label);
      return { tick: reply.tick, rows: reply.rows };
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      // A deposed relay was first, once. The sequence value read before stays a good floor: it is older still.
      this.#latest = (await readLatestTick(reads)).tick;
      return 'taken';
    }
  }
}
