import type { Clock, Service } from '@convergekit/core';
import { systemClock } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import type { Logger } from '@convergekit/telemetry';

const EVERY_MS = 30_000;

const leaderSql = `select from converge.lease where name = 'relay' and expires_at > clock_timestamp()`;

interface RelayWatchParts {
  readonly executor: Executor;
  /** What waits without a relay, in words. */
  readonly waits: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** @default the system's */
  readonly clock?: Clock;
}

/**
 * Looks for the relay of a service that runs none, until one leads: without it failure events are never published, and
 * nothing is compensated. Says so at the start, and when one leads.
 */
export function relayWatch({ executor, waits, log, clock = systemClock }: RelayWatchParts): Service {
  return loopService({
    name: 'relay watch',
    run: async (stopping) => {
      const found = new AbortController();
      let warned = false;
      await poll({
        clock,
        everyMs: EVERY_MS,
        signal: AbortSignal.any([stopping, found.signal]),
        run: async () => {
          const { rowCount } = await executor.query(leaderSql);
          if (rowCount > 0) {
            if (warned) log.info('a relay leads the outbox of this database now');
            found.abort();
          } else if (!warned) {
            warned = true;
            log.warn(
              `no relay leads the outbox of this database: ${waits} wait there, and nothing is compensated; run \`converge relay\` beside it, or leave out \`relay: false\` of defineService()`,
            );
          }
        },
        // A role may lack the right to look; the relay is then another's concern.
        onError: (error) => {
          if (classify(error).structural) found.abort();
        },
      });
    },
  });
}
