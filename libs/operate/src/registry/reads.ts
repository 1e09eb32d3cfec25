import type { EventDefinition } from '@convergekit/contracts';
import type { Admin } from '@convergekit/broker';
import type { Clock } from '@convergekit/core';
import type { MigrationSet } from '@convergekit/postgres';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import { refused } from '../host/errors.ts';
import type { Settings } from '../host/settings.ts';

/** What a surface gives to a view or an act. */
export interface Reads {
  /** The databases that it is about: that of the command line, or those that a page names. All have the noun's tables. */
  readonly databases: readonly NamedDatabase[];
  /** All databases that the surface knows: what became of a thing in other services. */
  readonly known: () => Promise<readonly NamedDatabase[]>;
  /** The events that the user's modules declare. */
  readonly events: () => Promise<readonly EventDefinition[]>;
  readonly clock: Clock;
  /** Asks the broker; undefined = none is set. */
  readonly withAdmin: (<T>(ask: (admin: Admin) => Promise<T>) => Promise<T>) | undefined;
  readonly signatures: Settings['signatures'];
}

/** Returns the way to ask the broker. Refuses where none is set. */
export function requireBroker({ withAdmin }: Pick<Reads, 'withAdmin'>): NonNullable<Reads['withAdmin']> {
  if (withAdmin !== undefined) return withAdmin;
  throw refused('BROKER_NOT_SET', 'no broker is set: give KAFKA_BROKERS, or CONVERGE__BROKER=local');
}

/** What a noun needs of a database. */
export interface Tables {
  readonly migrations: readonly MigrationSet[];
  /** A table of theirs: a database without it has no such things. */
  readonly table: string;
}
