import { channel } from 'node:diagnostics_channel';
import { type Service, systemClock, endsWithin } from '@convergekit/core';
import type { Checks, Environment } from '@convergekit/config';
import { failureTopic } from '@convergekit/contracts';
import { runProcess } from '@convergekit/config/engine';
import { sagaMigrations } from '@convergekit/saga';
import { checkRemovedSteps } from '@convergekit/saga/engine';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { type MigrationSet, withTransaction } from '@convergekit/postgres';
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
import { checkNames, type OwnSettings, type Read, readSettings } from './settings.ts';
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
    checkNames(name, definition);
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
  readonly metrics: Pick<Parameters<typeof runProcess>[0], 'metrics'>;
  readonly topics: MissingTopics;
}

async function serve<DB, Own extends OwnSettings>(of: Serving<DB, Own>): Promise<void> {
  const { name, definition, assembled, metrics } = of;
  const { health, stop } = of.read.settings;
  const log = logger(name);
  const { notes, writes, others } = assembled.plan;
  for (const note of notes) log.warn(note);
  // `converge dev` compares the topics of the services that it runs.
  channel('convergekit:topics').publish({
    service: name,
    writes,
    missing: [...others.topics, ...others.consumers.map(failureTopic)],
  });
  const needed = prerequisites({ needed: neededBy(of, log), log });
  const failed = Promise.withResolvers<undefined>();
  const onReady = async (healthPort: number | undefined): Promise<void> => {
    log.info({ healthPort, maxConnections: of.connections.most() }, `${name} is ready`);
    await definition.onReady?.(assembled.parts);
  };
  await runProcess(
    {
      health,
      services: [needed, ...assembled.running, callback(failed.promise)],
      checks: (state) => ({
        service: { ok: state === 'ready', detail: state },
        ...needed.checks(),
        ...(state === 'starting' ? {} : assembled.checks()),
      }),
      live: (state) => (state === 'starting' ? {} : liveOf(assembled.running)),
      ...metrics,
      onReady: (healthPort) => void onReady(healthPort).catch(failed.reject),
    },
    {
      stopDeadlineMs: stop.deadlineMs,
      onStopping: (reason) => log.info({ reason }, `${name} stops`),
    },
  );
  log.info(`${name} has stopped`);
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
    // A role that may not read the list of migrations fails at its first statement instead; one that sees no saga has none.
    const unlessHidden = (error: unknown): void => {
      if (sqlState(error) !== '42501') throw error;
    };
    await requireMigrations(executor, sets).catch(unlessHidden);
    await checkRemovedSteps(executor, plan.consumers).catch(unlessHidden);
    // A standby answers and is read; it refuses BEGIN until it is promoted.
    await withTransaction(connections.database, {}, (tx) => tx.query('select 1'));
  };
  const topics = async (): Promise<void> => {
    const admin = await broker?.admin();
    if (admin === undefined) return;
    try {
      const missing = await missingTopics(admin, plan.topics);
      if (missing.length > 0 && treatment === 'check')
        throw topicsMissing(name, missing, plan.others.consumers);
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
