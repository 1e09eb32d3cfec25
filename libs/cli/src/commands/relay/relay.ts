import { outboxMigrations } from '@convergekit/outbox';
import type { Broker } from '@convergekit/broker';
import { relay, relayMigrations } from '@convergekit/relay';
import { logger } from '@convergekit/telemetry';
import { brokerNotice } from './broker-notice.ts';
import { openAt, openBroker, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { runLong } from '../../frame/long-running.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { relayOptions, STOP_BEFORE_MS } from './relay-options.ts';
import { relaySource, relaySources, sourceChecks } from './relay-source.ts';
import { relayChecks, standsBy, tellStandby } from './relay-state.ts';
import { type NamedSource, requireBrokers, type Settings, sourcesOf } from '../../frame/settings.ts';

const APPLICATION = 'converge-relay';
// A stop waits for a connection that is being opened.
const CONNECT_MS = 3_000;

/** Publishes one outbox, or the several of `relay.sources`, until SIGTERM or SIGINT. A broker that is down is waited for. */
export async function relayCommand({ settings }: CommandContext): Promise<boolean> {
  requireBrokers(settings);
  const sources = sourcesOf(settings);
  const broker = (): Broker =>
    openBroker(settings, { clientId: APPLICATION, requestTimeoutMs: STOP_BEFORE_MS });
  if (sources.length === 0) await relayOne(settings, broker);
  else await relayMany(settings, sources, broker());
  return true;
}

/** A wrong database is a wrong setting here, and ends the process at once. */
async function relayOne(settings: Settings, open: () => Broker): Promise<void> {
  const log = logger('relay');
  await withDatabase(settings, APPLICATION, async (database) => {
    await requireMigrations(database.executor, [outboxMigrations, relayMigrations]);
    const broker = open();
    const service = relay({ database, broker, log, ...relayOptions(settings) });
    const notice = brokerNotice({ broker, log, standsBy: () => standsBy(service.status()) });
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
}

/** One that fails leaves the others to their work; readiness tells which. All of them share the broker's connections. */
async function relayMany(settings: Settings, named: readonly NamedSource[], broker: Broker): Promise<void> {
  const log = logger('relay');
  const sources = named.map(({ name, url }) => {
    const own = log.child({ source: name });
    return {
      name,
      service: relaySource({
        name,
        log: own,
        open: () =>
          openAt(url, APPLICATION, { connectTimeoutMs: CONNECT_MS, setting: `relay.sources.${name}` }),
        relay: (database) => relay({ database, broker, log: own, ...relayOptions(settings, name) }),
      }),
    };
  });
  const notice = brokerNotice({
    broker,
    log,
    standsBy: () => sources.some(({ service }) => service.standsBy()),
  });
  try {
    await runLong({
      name: 'relay',
      settings,
      log,
      services: () => [notice, relaySources(sources.map(({ service }) => service))],
      checks: () => sourceChecks(sources.map(({ name, service }) => [name, service.checks(notice.check())])),
      live: () => Object.fromEntries(sources.map(({ name, service }) => [name, service.live()])),
    });
  } finally {
    await broker.close();
  }
}
