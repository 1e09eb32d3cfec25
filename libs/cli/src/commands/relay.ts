import { outboxMigrations } from '@converge/outbox';
import { relay, relayMigrations } from '@converge/relay';
import { logger } from '@converge/telemetry';
import { brokerNotice } from '../broker-notice.ts';
import { openBroker, withDatabase } from '../connections.ts';
import type { CommandContext } from '../context.ts';
import { runLong } from '../long-running.ts';
import { requireMigrations } from '../migrations.ts';
import { relayChecks, tellStandby } from '../relay-state.ts';
import { requireBrokers, type Settings } from '../settings.ts';

// Sending stops so long before the lease ends, and a request takes no longer: what a deposed relay had in flight has
// come back, or was given up, when the next one begins.
const STOP_BEFORE_MS = 2_000;

/** Publishes the outbox until SIGTERM or SIGINT. A broker that is down is waited for; a wrong database is not. */
export async function relayCommand({ settings }: CommandContext): Promise<boolean> {
  requireBrokers(settings);
  const log = logger('relay');
  await withDatabase(settings, 'converge-relay', async (database) => {
    await requireMigrations(database.executor, [outboxMigrations, relayMigrations]);
    const broker = openBroker(settings, { clientId: 'converge-relay', requestTimeoutMs: STOP_BEFORE_MS });
    const notice = brokerNotice(broker, log);
    const service = relay({ database, broker, log, stopBeforeMs: STOP_BEFORE_MS, ...pollAndLease(settings) });
    try {
      await runLong({
        name: 'relay',
        settings,
        log,
        services: () => [notice, service, tellStandby(service, log)],
        checks: () => relayChecks(service.status(), notice.check()),
        live: () => ({ relay: service.live() }),
      });
    } finally {
      await broker.close();
    }
  });
  return true;
}

function pollAndLease({ relay: { poll, leaseMs } }: Settings) {
  return {
    poll: {
      ...(poll.minMs === undefined ? {} : { minMs: poll.minMs }),
      ...(poll.maxMs === undefined ? {} : { maxMs: poll.maxMs }),
    },
    ...(leaseMs === undefined ? {} : { leaseMs }),
  };
}
