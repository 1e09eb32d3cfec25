import type { Database } from '@convergekit/postgres';

/** The part of a database that the relay uses. */
export type RelayDatabase = Pick<Database, 'acquire' | 'executor'>;

/** The part of a pino logger that the relay uses. */
export interface Log {
  /** Logs a detail for developers. */
  debug(fields: object, text: string): void;
  /** Logs a change of state. */
  info(fields: object, text: string): void;
  /** Logs what recovers by itself, but should not last. */
  warn(fields: object, text: string): void;
  /** Logs what needs an operator. */
  error(fields: object, text: string): void;
}
