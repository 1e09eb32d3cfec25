import type { EventDefinition } from '@convergekit/contracts';
import type { Clock } from '@convergekit/core';
import type { MigrationSet } from '@convergekit/postgres';
import type { NamedDatabase } from '../doctor/examine-database.ts';

/** What a surface gives to a view or an act. */
export interface Reads {
  /** The databases that it is about: that of the command line, or those that a page names. All have the noun's tables. */
  readonly databases: readonly NamedDatabase[];
  /** All databases that the surface knows: what became of a thing in other services. */
  readonly known: () => Promise<readonly NamedDatabase[]>;
  /** The events that the user's modules declare. */
  readonly events: () => Promise<readonly EventDefinition[]>;
  readonly clock: Clock;
}

/** What a noun needs of a database. */
export interface Tables {
  readonly migrations: readonly MigrationSet[];
  /** A table of theirs: a database without it has no such things. */
  readonly table: string;
}
