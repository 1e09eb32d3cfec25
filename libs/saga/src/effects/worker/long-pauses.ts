import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';

interface LongPause {
  readonly saga: string;
  readonly instance: string;
  readonly since: string;
  readonly by: string;
  readonly reason: string;
}

const longPausesSql = `
  select saga, instance, paused_at::text as since, by, reason from converge.saga_pause
   where paused_at < clock_timestamp() - $1::float8 * interval '1 millisecond' order by paused_at limit 200`;

/**
 * Creates a check for pauses of sagas that last longer than `boundMs`: the alarm `saga_paused`, once for each pause. What a
 * pause holds waits without an alarm of its own.
 */
export function longPauseCheck(executor: Executor, log: Logger, boundMs: number): () => Promise<void> {
  let reported: ReadonlySet<string> = new Set();
  return async () => {
    const { rows } = await executor.query<LongPause>(longPausesSql, [boundMs]);
    const named = new Map(rows.map((pause) => [JSON.stringify(pause), pause]));
    for (const [name, { saga, instance, since, by, reason }] of named)
      if (!reported.has(name))
        log.error(
          { alarm: 'saga_paused', saga, ...(instance === '' ? {} : { instance }), since, by, reason },
          'a saga has been paused for too long, and what it holds waits: `converge saga resume` when the cause is over',
        );
    reported = new Set(named.keys());
  };
}
