import type { Service } from '@convergekit/core';
import type { Outbox } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';

export interface ConvergeOptions {
  /**
   * The services of this process: consumers, relay, saga worker, reconcilers. They start in this order when the
   * application has started, and stop in reverse order. @default none: the application only emits
   */
  readonly services?: readonly Service[];
  /** For providers that inject CONVERGE_OUTBOX. @default none */
  readonly outbox?: Outbox;
  /** For providers that inject CONVERGE_DATABASE. It is not closed by the module. @default none */
  // The tables are known to the provider that injects it, not to the module.
  readonly database?: Database<never> | Database;
  /** Time limit for stopping all services, in milliseconds. @default 25_000 */
  readonly stopDeadlineMs?: number;
  /** Called when a service has failed after its start. @default logs it, and ends the process by SIGTERM */
  readonly onFailed?: (name: string, error: unknown) => void;
}

/** The token of the module's options. */
export const CONVERGE_OPTIONS = Symbol('converge.options');
/** The token of the outbox that the module was given. */
export const CONVERGE_OUTBOX = Symbol('converge.outbox');
/** The token of the database that the module was given. */
export const CONVERGE_DATABASE = Symbol('converge.database');
