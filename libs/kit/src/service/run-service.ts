import { runServices, type Service, systemClock, endsWithin } from '@convergekit/core';
import { type Checks, type Environment, healthServer, watchEventLoop } from '@convergekit/config';
import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { MigrationSet } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { requireMigrations } from '@convergekit/postgres/operate';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { logger, type Logger, startOwnTelemetry } from '@convergekit/telemetry';
import { argumentsOf } from './arguments.ts';
import { type Assembled, assemble } from './assemble.ts';
import { type Connections, openConnections } from './connections.ts';
import type { ServiceDefinition } from './definition.ts';
import type { Tables } from './plan.ts';
import { type Prerequisite, prerequisites } from './prerequisites.ts';
import { type OwnSettings, type Read, readSettings } from './settings.ts';
import {
  type MissingTopics,
  createTopics,
  missingTopics,
  missingTopicsIn,
  requireLeaders,
  topicsMissing,
} from './topics.ts';

/** Where a process gets its settings. */
export interface Surroundings {
  readonly env: Environment;
  /** The command line behind the name of the program. */
  readonly argv: readonly string[];
}

/** Runs a service until a signal or a failure, then closes its connections. Rejects with what ended it. */
export async function runService<DB, Own extends OwnSettings>(
  name: string,
  definition: ServiceDefinition<DB, Own>,
  { env, argv }: Surroundings,
): Promise<void> {
  const telemetry = await startOwnTelemetry(name);
  const closing: (() => Promise<void>)[] = [() => telemetry?.shutdown() ?? Promise.resolve()];
  try {
    // The definition has a schema for each of its own settings, or none.
    const read = readSettings((definition.settings ?? {}) as Own, argumentsOf(argv), env);
    const connections = openConnections<DB>(name, read, (close) => closing.push(close));
    const assembled = assemble({ name, definition, read, connections });
    const metrics = telemetry === undefined ? {} : { metrics: () => telemetry.scrape() };
    const topics = missingTopicsIn(env, definition.topics);
    await serve({ name, definition, read, connections, assembled, metrics, topics });
  } finally {
    await closeAll(closing);
  }
}

interface Serving<DB, Own extends OwnSettings> {
  readonly name: string;
  readonly definition: ServiceDefinition<DB, Own>;
  readonly read: Read<Own>;
  readonly connections: Connections<DB>;
  readonly assembled: Assembled<DB, Own>;
  readonly metrics: Pick<Parameters<typeof healthServer>[0], 'metrics'>;
  readonly topics: MissingTopics;
}

async function serve<DB, Own extends OwnSettings>(of: Serving<DB, Own>): Promise<void> {
  const { name, definition, assembled, metrics } = of;
  const { health: at, stop } = of.read.settings;
  const log = logger(name);
  for (const note of assembled.plan.notes) log.warn(note);
  const loop = watchEventLoop();
  let state: 'starting' | 'ready' | 'stopping' = 'starting';
  const needed = prerequisites({ needed: neededBy(of, log), log });
  const health = healthServer({
    port: at.port,
    // A free port is known only on this machine, so it is served only there.
    host: at.host ?? (at.port === 0 ? '127.0.0.1' : '0.0.0.0'),
    checks: () => ({
      service: { ok: state === 'ready', detail: state },
      ...needed.checks(),
      ...(state === 'starting' ? {} : assembled.checks()),
    }),
    live: () => ({
      eventLoop: loop.check(),
      ...(state === 'starting' ? {} : liveOf(assembled.running)),
    }),
    ...metrics,
  });
  const failed = Promise.withResolvers<undefined>();
  const onReady = async (): Promise<void> => {
    state = 'ready';
    log.info({ healthPort: health.port, maxConnections: of.connections.most() }, `${name} is ready`);
    await definition.onReady?.(assembled.parts);
  };
  try {
    await runServices([health, needed, ...assembled.running, callback(failed.promise)], {
      stopDeadlineMs: stop.deadlineMs,
      onReady: () => void onReady().catch(failed.reject),
      onStopping: (reason) => {
        state = 'stopping';
        log.info({ reason }, `${name} stops`);
      },
    });
    log.info(`${name} has stopped`);
  } finally {
    loop.stop();
  }
}

/** A service without work, which fails when the declaration's `onReady` does. */
function callback(failed: Promise<undefined>): Service {
  const done = Promise.withResolvers<undefined>();
  done.promise.catch(() => undefined);
  failed.catch(done.reject);
  return {
    name: 'onReady',
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(done.resolve(undefined)),
    done: done.promise,
  };
}

function liveOf(parts: Assembled<never, never>['running']): Checks {
  return Object.assign({}, ...parts.map((one) => one.live?.() ?? {})) as Checks;
}

function neededBy<DB, Own extends OwnSettings>(
  { name, topics: treatment, connections, assembled: { plan, broker } }: Serving<DB, Own>,
  log: Logger,
): readonly Prerequisite[] {
  const { executor } = connections.database;
  const database = async (): Promise<void> => {
    await connections.database.ping();
    if (plan.tables.length === 0) return;
    const sets = plan.tables.map((name) => MIGRATIONS[name]);
    await requireMigrations(executor, sets).catch((error: unknown) => {
      // A role that may not read the list of migrations fails at its first statement instead.
      if (sqlState(error) !== '42501') throw error;
    });
  };
  const topics = async (): Promise<void> => {
    const admin = await broker?.admin();
    if (admin === undefined) return;
    try {
      const missing = await missingTopics(admin, plan.topics);
      if (missing.length > 0 && treatment === 'check') throw topicsMissing(name, missing);
      const created = await createTopics(admin, missing);
      if (created.length > 0) log.info({ topics: created }, 'topics were created');
      await requireLeaders(admin, plan.reads);
    } finally {
      await admin.close();
    }
  };
  return [
    { name: 'database', check: database },
    ...(broker === undefined ? [] : [{ name: 'broker', check: topics }]),
  ];
}

const MIGRATIONS: Readonly<Record<Tables, MigrationSet>> = {
  outbox: outboxMigrations,
  relay: relayMigrations,
  inbox: inboxMigrations,
  saga: sagaMigrations,
  reconcile: reconcileMigrations,
};

const CLOSE_MS = 1_000;

/** Closes the last first. A connection in use would block the end of its pool, so each has a limit. */
async function closeAll(closing: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of closing.toReversed()) await endsWithin(close(), CLOSE_MS, systemClock);
}
