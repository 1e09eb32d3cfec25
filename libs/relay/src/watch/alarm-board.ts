import { alarmDefinitions, type AlarmName, type Condition } from './alarms.ts';

export interface Alarm extends Condition {
  readonly next: string;
  /** Wall clock, milliseconds: when the condition was first seen. */
  readonly sinceMs: number;
}

/** An alarm that is over. `lastedMs` is right where the host's wall clock was set meanwhile. */
export interface ClearedAlarm extends Alarm {
  readonly lastedMs: number;
}

export interface BoardChange {
  readonly raised: readonly Alarm[];
  readonly cleared: readonly ClearedAlarm[];
}

interface Entry {
  alarm: Alarm;
  /** Monotonic time of the first sight. */
  readonly seenAt: number;
  raised: boolean;
}

/** The alarms that are raised: each once its condition has lasted, until it is gone. Both changes are returned once. */
export class AlarmBoard {
  readonly #entries = new Map<string, Entry>();
  readonly #afterMs: number | undefined;

  /** `afterMs` replaces the delay of every alarm. */
  constructor(afterMs?: number) {
    this.#afterMs = afterMs;
  }

  get raised(): readonly Alarm[] {
    return [...this.#entries.values()].filter(({ raised }) => raised).map(({ alarm }) => alarm);
  }

  isRaised(name: AlarmName): boolean {
    return this.raised.some((alarm) => alarm.name === name);
  }

  see(
    conditions: readonly Condition[],
    now: { readonly wallMs: number; readonly monotonic: number },
  ): BoardChange {
    const raised: Alarm[] = [];
    const seen = new Set<string>();
    for (const condition of conditions) {
      const { next, afterMs } = alarmDefinitions[condition.name];
      const key = `${condition.name} ${condition.subject ?? ''}`;
      seen.add(key);
      const known = this.#entries.get(key);
      const alarm: Alarm = { ...condition, next, sinceMs: known?.alarm.sinceMs ?? now.wallMs };
      const entry = known ?? { alarm, seenAt: now.monotonic, raised: false };
      // The cause may change while the condition lasts: the newest text is kept without a change of the board.
      entry.alarm = alarm;
      this.#entries.set(key, entry);
      if (entry.raised || now.monotonic - entry.seenAt < (this.#afterMs ?? afterMs)) continue;
      entry.raised = true;
      raised.push(alarm);
    }
    const cleared: ClearedAlarm[] = [];
    for (const [key, entry] of this.#entries) {
      if (seen.has(key)) continue;
      this.#entries.delete(key);
      if (entry.raised) cleared.push({ ...entry.alarm, lastedMs: Math.round(now.monotonic - entry.seenAt) });
    }
    return { raised, cleared };
  }
}
