import type { Database } from '@convergekit/postgres';

/** The part of a database that the relay uses. */
export type RelayDatabase = Pick<Database, 'acquire' | 'executor'>;

/** The part of a pino logger that the relay uses. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
