import type { EventDefinition } from '@convergekit/contracts';
import type { Admin, Broker } from '@convergekit/broker';
import type { Clock } from '@convergekit/core';
import type { MigrationSet } from '@convergekit/postgres';
import type { Reconciler } from '@convergekit/reconcile';
import type { SagaDeclaration } from '@convergekit/saga/declare';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import type { Settings } from '../host/settings.ts';

/** What a surface gives to a view or an act. */
export interface Reads {
  /** The databases that it is about: that of the command line, or those that a page names. All have the noun's tables. */
  readonly databases: readonly NamedDatabase[];
  /** All databases that the surface knows: what became of a thing in other services. */
  readonly known: () => Promise<readonly NamedDatabase[]>;
  /** The events that the user's modules declare. */
  readonly events: () => Promise<readonly EventDefinition[]>;
  /** The sagas that the user's modules declare. */
  readonly sagas: () => Promise<readonly SagaDeclaration[]>;
  /** The reconcilers that the modules of the settings declare. */
  readonly reconcilers: () => Promise<readonly Reconciler[]>;
  /** The broker of the settings. Throws where none is set. */
  readonly broker: () => Broker;
  readonly hasBroker: boolean;
  readonly settings: Pick<Settings, 'policyLayers' | 'relay' | 'signatures'>;
  readonly clock: Clock;
}

/** Asks the broker, by a client that is closed after it. Rejects where none is set. */
export async function withAdmin<T>(
  { broker }: Pick<Reads, 'broker'>,
  ask: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = await broker().admin();
  try {
    return await ask(admin);
  } finally {
    await admin.close();
  }
}

/** What a noun needs of a database. */
export interface Tables {
  readonly migrations: readonly MigrationSet[];
  /** A table of theirs: a database without it has no such things. */
  readonly table: string;
  /** Whether a command looks in all databases of the settings, not in that of DATABASE_URL alone. @default it does not */
  isEverywhere?(this: void, input: Readonly<Record<string, unknown>>): boolean;
  /** True where a database that cannot be read prevents what would be done in the others. @default it is left out */
  readonly needsAll?: boolean;
}
