import { systemClock } from '@convergekit/core';
import { Client } from 'pg';

export interface EffectsSeen {
  /** Returns the time when the effect of event `n` was committed, by this process's clock; undefined until then. */
  at(n: number): number | undefined;
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Waits until all of these took effect; throws after the deadline, with how many did not. */
  all(numbers: readonly number[], deadlineMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Notifications are delivered at commit, so they report an effect without a poll. */
const NOTIFY = `
  create function notify_effect() returns trigger language plpgsql as
    $$ begin perform pg_notify('effect', new.n::text); return null; end $$;
  create trigger notify_effect after insert on effect for each row execute function notify_effect()`;

export async function watchEffects(databaseUrl: string): Promise<EffectsSeen> {
  const seen = new Map<number, number>();
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  client.on('notification', ({ payload }) => {
    const n = Number(payload);
    if (!seen.has(n)) seen.set(n, systemClock.monotonic());
  });
  await client.query(NOTIFY);
  await client.query('listen effect');
  return {
    at: (n) => seen.get(n),
    query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    all: async (numbers, deadlineMs) => {
      const end = systemClock.monotonic() + deadlineMs;
      for (;;) {
        const missing = numbers.filter((n) => !seen.has(n)).length;
        if (missing === 0) return;
        if (systemClock.monotonic() > end)
          throw new Error(`${missing} of ${numbers.length} events took no effect in ${deadlineMs / 1000} s`);
        await systemClock.sleep(20);
      }
    },
    close: () => client.end(),
  };
}
