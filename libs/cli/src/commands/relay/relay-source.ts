import { once } from 'node:events';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { type Relay, relayMigrations } from '@convergekit/relay';
import { relayChecks, standsBy } from '@convergekit/relay/engine';
import type { Service } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import { type Check, type Checks } from '@convergekit/config';
import type { Logger } from '@convergekit/telemetry';
import { explain } from '@convergekit/operate/host';
import { requireMigrations } from '@convergekit/postgres/operate';

const backoff = { baseMs: 500, factor: 2, capMs: 5_000 };

export interface RelaySourceParts {
  readonly name: string;
  /** Rejects while the database cannot be used. */
  readonly open: () => Promise<Database>;
  readonly relay: (database: Database) => Relay;
  readonly log: Logger;
}

/** An outbox that a process serves. */
export interface RelaySource extends Service {
  checks(asked: Check): Checks;
  live(): Check;
  /** Returns true when another relay publishes this outbox. */
  standsBy(): boolean;
}

/**
 * Opens one outbox and publishes it. The outbox's database may be down, lack its tables, or refuse the login: that is
 * logged and retried, and the other outboxes of the process are not affected. The running relay waits out later
 * outages.
 */
export function relaySource(parts: RelaySourceParts): RelaySource {
  const { name, log } = parts;
  let running: Relay | undefined;
  let trouble = 'not opened yet';
  const onError = (error: unknown): void => {
    running = undefined;
    const { message } = explain(error);
    // Once per reason: this may last for hours.
    if (message !== trouble) log.error(`source ${name} cannot be published, trying again: ${message}`);
    trouble = message;
  };
  const service = loopService({
    name: `relay ${name}`,
    run: (signal) => {
      const run = (): Promise<void> => serve(parts, signal, (relay) => (running = relay));
      return poll({ everyMs: backoff.baseMs, backoff, signal, run, onError });
    },
  });
  return {
    ...service,
    checks: (asked) =>
      running === undefined
        ? { database: { ok: false, detail: trouble } }
        : relayChecks(running.status(), asked),
    // One that waits for its database is alive: a restart would not fix it.
    live: () => running?.live() ?? { ok: true, detail: trouble },
    standsBy: () => running !== undefined && standsBy(running.status()),
  };
}

/** Publishes until the stop; rejects when it cannot begin. */
async function serve(
  { open, relay }: RelaySourceParts,
  signal: AbortSignal,
  onRunning: (relay: Relay) => void,
): Promise<void> {
  const database = await open();
  try {
    await requireMigrations(database.executor, [outboxMigrations, relayMigrations]);
    const service = relay(database);
    await service.start();
    onRunning(service);
    if (!signal.aborted) await once(signal, 'abort');
    await service.stop();
  } finally {
    await database.close();
  }
}

/** Joins sources into one service: they stop concurrently, in the time of one. */
export function relaySources(sources: readonly RelaySource[]): Service {
  return loopService({
    name: 'relays',
    run: () => Promise.all(sources.map((source) => source.start())),
    drain: () => Promise.all(sources.map((source) => source.stop())),
  });
}

/** Readiness of all: each check under the name of its source. */
export function sourceChecks(sources: readonly (readonly [string, Checks])[]): Checks {
  return Object.fromEntries(
    sources.flatMap(([name, checks]) =>
      Object.entries(checks).map(([check, found]) => [`${name}.${check}`, found] as const),
    ),
  );
}
