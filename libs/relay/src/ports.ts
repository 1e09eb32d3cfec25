import type { Database } from '@convergekit/postgres';

/** What of a database the relay uses. */
export type RelayDatabase = Pick<Database, 'acquire' | 'executor'>;

/** What of a pino logger the relay uses. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}
