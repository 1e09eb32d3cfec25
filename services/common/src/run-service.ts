import { livePolicies } from '@convergekit/inbox';
import type { Broker } from '@convergekit/broker';
import { kafkaBroker, kafkaOptions } from '@convergekit/kafka';
import { connect, type Database, type PolicyWatch } from '@convergekit/postgres';
import { SharedGuards } from '@convergekit/resilience';
import { runServices, type Service, systemClock, systemRandom, endsWithin } from '@convergekit/core';
import { type Checks, healthServer } from '@convergekit/config';
import { exitOnUncaught, logger, observeBreaker } from '@convergekit/telemetry';
import { startTelemetry } from '@convergekit/telemetry/sdk';
import type { z } from 'zod';
import { readSettings, type ServiceSettings } from './settings.ts';

export interface Parts<DB, Settings extends ServiceSettings = ServiceSettings> {
  readonly settings: Settings;
  readonly database: Database<DB>;
  readonly broker: Broker;
  /** The live policies, a service that starts before its users. `converge policy set` applies without a restart. */
  readonly policies: PolicyWatch;
  /** Breakers and retry budgets of the process, for saga workers and operations. */
  readonly shared: SharedGuards;
  readonly log: ReturnType<typeof logger>;
}

/** A service that may report its liveness. */
type Watched = Service & { live?(): Checks };

/**
 * Runs one process of a service until a signal.
 * It reads settings from the environment, checks the database, and starts the given services in order behind a health
 * server. Every failed start is logged in one line; exit code 78 = configuration.
 */
export async function runService<DB, Settings extends ServiceSettings = ServiceSettings>(
  name: string,
  schema: z.ZodType<Settings>,
  services: (parts: Parts<DB, Settings>) => readonly Watched[],
): Promise<void> {
  const log = logger(name);
  exitOnUncaught(log);
  const telemetry = startTelemetry({ serviceName: name });
  const closing: (() => Promise<void>)[] = [() => telemetry.shutdown()];
  try {
    const settings = readSettings(schema, process.env);
    const clientId = name.replaceAll('.', '-');
    const database = connect<DB>({
      url: settings.database.url,
      setting: settings.databaseSetting,
      applicationName: clientId,
    });
    closing.push(() => database.close());
    const broker = kafkaBroker({ ...kafkaOptions(settings.kafka), clientId });
    closing.push(() => broker.close());
    await database.ping();
    let ready = false;
    const checks = (): Checks => ({ services: { ok: ready } });
    const policies = livePolicies({ database, layers: settings.policyLayers });
    const shared = new SharedGuards({
      policies,
      clock: systemClock,
      random: systemRandom,
      onBreaker: observeBreaker,
    });
    const running = services({ settings, database, broker, policies, shared, log });
    const live = (): Checks => Object.assign({}, ...running.map((one) => one.live?.() ?? {})) as Checks;
    const metrics = () => telemetry.scrape();
    const health = healthServer({ port: settings.health.port, checks, live, metrics });
    await runServices([health, ...running], {
      onReady: () => {
        ready = true;
        log.info({ healthPort: health.port, httpPort: settings.http.port }, `${name} is ready`);
      },
      onStopping: (reason) => {
        ready = false;
        log.info({ reason }, `${name} stops`);
      },
    });
  } catch (error) {
    log.fatal(
      { err: error },
      `${name} cannot continue: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = isConfiguration(error) ? 78 : 1;
  } finally {
    // A connection in use would block the pool's end.
    for (const close of closing.toReversed()) await endsWithin(close(), CLOSE_MS, systemClock);
    // Exit even if something still holds the event loop, such as a late stop.
    setTimeout(() => process.exit(), CLOSE_MS).unref();
  }
}

const CLOSE_MS = 1_000;

function isConfiguration(error: unknown): boolean {
  return error instanceof Error && 'category' in error && error.category === 'configuration';
}
