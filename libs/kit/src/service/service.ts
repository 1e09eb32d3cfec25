import { isImportedOnly } from '@convergekit/core/engine';
import { exitOnUncaught, logger } from '@convergekit/telemetry';
import type { ServiceDefinition } from './definition.ts';
import { endOf } from './end.ts';
import { planOf } from './plan.ts';
import type { OwnSettings } from './settings.ts';

/** A declared service. */
export interface ServiceProcess {
  /** The name of the service, which its log, metrics and health have. */
  readonly name: string;
  /**
   * The topics that it reads or writes, those of its observer too, for `converge topics create --from`. Consumers that are made from
   * settings are not known before it runs.
   */
  readonly topics: readonly string[];
  /**
   * Runs the service as this process, until SIGTERM, SIGINT or a failure. It never rejects: a failure is one line in the
   * log and the exit code, 78 when the settings or the declaration must change, 1 for any other.
   */
  run(): Promise<void>;
}

/**
 * Declares a service: consumers with their workers and drains, observers of sagas, reconcilers, the relay and parts of
 * its own, in one process with one database. `run` takes the settings from `--config <file>`, the environment and
 * `--<setting>=<value>`, waits for a database or broker that is down, and serves health and metrics.
 * @example
 * ```ts
 * import { defineService } from 'convergekit';
 * import { orderPlaced, payments, placeOrder, type ShopDb } from './shop.ts';
 *
 * const shop = defineService<ShopDb>('shop', {
 *   consumers: [payments],
 *   sagas: [placeOrder],
 *   emits: [orderPlaced],
 * });
 * await shop.run();
 * ```
 */
export function defineService<
  DB = unknown,
  // eslint-disable-next-line @typescript-eslint/no-generated-empty-object-type -- a service may have no settings of its own
  Own extends OwnSettings = Record<never, never>,
  Types extends string = string,
>(name: string, definition: ServiceDefinition<DB, Own, Types>): ServiceProcess {
  const { consumers = [] } = definition;
  return Object.freeze({
    name,
    get topics() {
      // Consumers that a function makes are not known before it runs; they are something to run, as parts are.
      return typeof consumers === 'function'
        ? planOf<DB>(name, { ...definition, parts: consumers }, []).topics
        : planOf<DB>(name, definition, consumers).topics;
    },
    async run() {
      if (isImportedOnly()) return;
      const log = logger(name);
      exitOnUncaught(log);
      try {
        // What runs a service is loaded where it runs: commands, tests and other services import its definitions alone.
        const { runService } = await import('./run-service.ts');
        await runService(name, definition, { env: process.env, argv: process.argv.slice(2) });
      } catch (error) {
        const { exitCode, line, fields } = endOf(error);
        log.fatal(fields, `${name} cannot continue: ${line}`);
        process.exitCode = exitCode;
      }
      // Exit even if something still holds the event loop, such as a late stop.
      setTimeout(() => process.exit(), LATE_MS).unref();
    },
  });
}

const LATE_MS = 1_000;
