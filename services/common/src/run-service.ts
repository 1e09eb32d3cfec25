import { type Broker, kafkaBroker } from '@converge/kafka';
import { connect, type Database } from '@converge/postgres';
import { type Checks, healthServer, runServices, type Service } from '@converge/runtime';
import { logger } from '@converge/telemetry';
import type { z } from 'zod';
import { readSettings, type ServiceSettings } from './settings.ts';

export interface Parts<DB, Settings extends ServiceSettings = ServiceSettings> {
  readonly settings: Settings;
  readonly database: Database<DB>;
  readonly broker: Broker;
  readonly log: ReturnType<typeof logger>;
}

/** A service that may say whether it still makes progress. */
type Watched = Service & { live?(): Checks };

/**
 * Runs one process of a service until a signal: settings from the environment, the database answering, the given
 * services in order behind a health server. Whatever goes wrong at start is one clear line; 78 = configuration.
 */
export async function runService<DB, Settings extends ServiceSettings = ServiceSettings>(
  name: string,
  schema: z.ZodType<Settings>,
  services: (parts: Parts<DB, Settings>) => readonly Watched[],
): Promise<void> {
  const log = logger(name);
  const closing: (() => Promise<void>)[] = [];
  try {
    const settings = readSettings(schema, process.env);
    const clientId = name.replaceAll('.', '-');
    const database = connect<DB>({ url: settings.database.url, applicationName: clientId });
    closing.push(() => database.close());
    const broker = kafkaBroker({ ...settings.kafka, clientId });
    closing.push(() => broker.close());
    await database.ping();
    let ready = false;
    const checks = (): Checks => ({ services: { ok: ready } });
    const running = services({ settings, database, broker, log });
    const live = (): Checks => Object.assign({}, ...running.map((one) => one.live?.() ?? {})) as Checks;
    const health = healthServer({ port: settings.health.port, checks, live });
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
      `${name} cannot go on: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = isConfiguration(error) ? 78 : 1;
  } finally {
    for (const close of closing.toReversed()) await close().catch(() => undefined);
  }
}

function isConfiguration(error: unknown): boolean {
  return error instanceof Error && 'category' in error && error.category === 'configuration';
}
