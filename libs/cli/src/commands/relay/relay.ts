import type { Broker } from '@convergekit/broker';
import { outboxMigrations } from '@convergekit/outbox';
import { relay, relayMigrations } from '@convergekit/relay';
import { brokerNotice, relayChecks, relayOptions, standsBy } from '@convergekit/relay/engine';
import { logger } from '@convergekit/telemetry';
import { command } from '../../frame/command.ts';
import { type NamedSource, openAt, requireBroker, runLong, sourcesOf } from '@convergekit/operate/host';
import type { CommandContext } from '../../frame/context.ts';
import { relaySource, relaySources, sourceChecks } from './relay-source.ts';

// A stop waits for a connection that is being opened.
const CONNECT_MS = 3_000;

/** Publishes one outbox, or the several of `relay.sources`, until SIGTERM or SIGINT. It waits for a broker that is down. */
export const relayCommand = command({
  name: 'relay',
  summary:
    'publish the outbox of DATABASE_URL to KAFKA_BROKERS; of several relays, one leads and the others stand by',
  run: async (context) => {
    requireBroker(context.settings);
    const sources = sourcesOf(context.settings);
    if (sources.length === 0) await relayOne(context);
    else await relayMany(context, sources, context.broker());
    return undefined;
  },
});

/** Publishes one outbox. A wrong database is a wrong setting here, and ends the process. */
async function relayOne(context: CommandContext): Promise<void> {
  const { settings, signal } = context;
  const log = logger('relay');
  const database = await context.database(outboxMigrations, relayMigrations);
  const broker = context.broker();
  const service = relay({ database, broker, log, ...relayOptions(settings) });
  const notice = brokerNotice({
    broker,
    log,
    standsBy: () => standsBy(service.status()),
  });
  await runLong({
    name: 'relay',
    settings,
    signal,
    log,
    services: () => [notice, service],
    checks: () => relayChecks(service.status(), notice.check()),
    live: () => ({ relay: service.live() }),
  });
}

/** Publishes several outboxes over one broker. One that fails leaves the others to their work; readiness names it. */
async function relayMany(
  { settings, client, signal }: CommandContext,
  named: readonly NamedSource[],
  broker: Broker,
): Promise<void> {
  const log = logger('relay');
  const sources = named.map(({ name, url }) => {
    const own = log.child({ source: name });
    const setting = `relay.sources.${name}`;
    return {
      name,
      service: relaySource({
        name,
        log: own,
        open: () => openAt(url, client, { connectTimeoutMs: CONNECT_MS, setting }),
        relay: (database) => relay({ database, broker, log: own, ...relayOptions(settings, name) }),
      }),
    };
  });
  const notice = brokerNotice({
    broker,
    log,
    standsBy: () => sources.some(({ service }) => service.standsBy()),
  });
  await runLong({
    name: 'relay',
    settings,
    signal,
    log,
    services: () => [notice, relaySources(sources.map(({ service }) => service))],
    checks: () => sourceChecks(sources.map(({ name, service }) => [name, service.checks(notice.check())])),
    live: () => Object.fromEntries(sources.map(({ name, service }) => [name, service.live()])),
  });
}
