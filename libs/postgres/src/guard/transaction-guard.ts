import type { DatabaseConnection, Transaction } from 'kysely';
import type { PoolClient } from 'pg';
import { connectionOf } from '../after-commit.ts';
import { askClient } from '../ask-client.ts';
import { controlRefused, endedEarly, type DatabaseError } from '../errors.ts';
import { effectsOf, type SavepointStatement, type SettingChange } from './text-effects.ts';

/** Takes the state of what a transaction has collected so far; the result goes back to it, any number of times. */
export type Mark = () => () => void;

interface Savepoint {
  readonly name: string;
  readonly restore: readonly (() => void)[];
}

/** A transaction of the kit in which an application's code runs. */
interface Held {
  /** True when the server has answered its BEGIN. */
  begun: boolean;
  /** The number of ROLLBACK TO that were sent and not answered: they are answered as ROLLBACK is. */
  rollbacksTo: number;
  savepoints: Savepoint[];
  marks: Mark[];
  /** Settings that the running call has changed for the transaction. */
  readonly settings: Set<string>;
  ended: DatabaseError | undefined;
}

/**
 * Keeps an application's statements from ending a transaction of the kit, and knows when one did.
 * Texts that begin or end a transaction are refused before they are sent. What the server answers decides: after a tag of
 * one that was sent all the same, every further statement of the transaction is refused, COMMIT too.
 * It also follows savepoints, and sees settings that would stay in the connection.
 */
export class TransactionGuard {
  #held: Held | undefined;
  #isUnclean = false;

  /** Begins to watch the transaction of the connection. */
  hold(): void {
    const empty = { begun: false, rollbacksTo: 0, ended: undefined };
    this.#held = { ...empty, savepoints: [], marks: [], settings: new Set() };
  }

  /** Ends watching: the kit sends COMMIT or ROLLBACK. */
  letGo(): void {
    this.#held = undefined;
  }

  /** The error of a transaction that an application's statement ended; undefined while it is whole. */
  get ended(): DatabaseError | undefined {
    return this.#held?.ended;
  }

  /** Goes back to the mark of a savepoint when the application rolls back to it. */
  follow(mark: Mark): void {
    this.#held?.marks.push(mark);
  }

  /** Begins a call of the application's code, which may not roll back to savepoints of others. */
  beginCall(): void {
    if (this.#held === undefined) return;
    this.#held.savepoints = [];
    this.#held.settings.clear();
  }

  /** Returns the text that sets back the settings of the call; undefined when it changed none. */
  endCall(): string | undefined {
    const names = [...(this.#held?.settings ?? [])];
    return names.length === 0
      ? undefined
      : names.map((name) => `set local ${quoted(name)} to default`).join('; ');
  }

  /** Sees a statement before it is sent. Throws TRANSACTION_REFUSED or TRANSACTION_ENDED_EARLY. */
  check(text: string, values: readonly unknown[] = []): void {
    const held = this.#held;
    if (held?.ended !== undefined) throw held.ended;
    const { controls, savepoints, settings } = effectsOf(text);
    if (held !== undefined && controls) throw controlRefused(text);
    for (const statement of savepoints) if (held !== undefined) followSavepoint(held, statement, text);
    for (const change of settings) this.#setting(change, values);
  }

  /** Sees the tag of a completed statement. */
  completed(tag: string): void {
    const held = this.#held;
    if (held === undefined) return;
    switch (tag) {
      case 'BEGIN':
      case 'START TRANSACTION':
        if (held.begun) held.ended ??= endedEarly(tag);
        held.begun = true;
        return;
      case 'ROLLBACK':
        if (held.rollbacksTo > 0) held.rollbacksTo -= 1;
        else held.ended ??= endedEarly(tag);
        return;
      case 'COMMIT':
      case 'PREPARE TRANSACTION':
        held.ended ??= endedEarly(tag);
    }
  }

  /** True once for a connection with settings that would stay: it must not be used again. */
  takeUnclean(): boolean {
    const isUnclean = this.#isUnclean;
    this.#isUnclean = false;
    return isUnclean;
  }

  #setting({ name, local }: SettingChange, values: readonly unknown[]): void {
    const valueOf = (written: typeof name): unknown => {
      if (written.kind === 'expression') return undefined;
      return written.kind === 'literal' ? written.text : values[written.number - 1];
    };
    if (!/^(true|t|on|yes|y|1)$/i.test(String(valueOf(local)))) this.#isUnclean = true;
    const named = valueOf(name);
    if (typeof named === 'string' && !KIT_SETTINGS.has(named.toLowerCase())) this.#held?.settings.add(named);
  }
}

/** Settings that the kit makes for its transactions: `to default` would take them away. */
const KIT_SETTINGS = new Set([
  'datestyle',
  'intervalstyle',
  'bytea_output',
  'extra_float_digits',
  'standard_conforming_strings',
  'array_nulls',
  'idle_in_transaction_session_timeout',
  'lock_timeout',
  'statement_timeout',
  'transaction_timeout',
]);

function followSavepoint(held: Held, { kind, name }: SavepointStatement, text: string): void {
  if (kind === 'savepoint') {
    held.savepoints.push({ name, restore: held.marks.map((mark) => mark()) });
    return;
  }
  const at = held.savepoints.findLastIndex((savepoint) => savepoint.name === name);
  const found = held.savepoints[at];
  if (found === undefined) throw controlRefused(text);
  held.savepoints.length = kind === 'release' ? at : at + 1;
  if (kind === 'release') return;
  held.rollbacksTo += 1;
  for (const restore of found.restore) restore();
}

function quoted(name: string): string {
  const parts = name.split('.').map((part) => `"${part.replaceAll('"', '""')}"`);
  return parts.join('.');
}

/** The part of pg's client that its types omit. */
interface Internals {
  readonly connection?: {
    on(event: 'commandComplete', listener: (message: { readonly text: string }) => void): void;
  };
}

const guards = new WeakMap<PoolClient, TransactionGuard>();

/** Returns the guard of a client. It hears the server's answers from then on. */
export function guardOfClient(client: PoolClient): TransactionGuard {
  let guard = guards.get(client);
  if (guard === undefined) {
    const made = new TransactionGuard();
    (client as unknown as Internals).connection?.on('commandComplete', ({ text }) => made.completed(text));
    guards.set(client, (guard = made));
  }
  return guard;
}

const byConnection = new WeakMap<DatabaseConnection, { readonly guard: TransactionGuard | undefined }>();

/** Returns the guard of a transaction's connection; undefined on a pool that `connect` did not make. */
export async function guardOf<DB>(tx: Transaction<DB>): Promise<TransactionGuard | undefined> {
  const connection = await connectionOf(tx);
  const known = byConnection.get(connection);
  if (known !== undefined) return known.guard;
  try {
    const client = await askClient(connection, false);
    const guard = client && guardOfClient(client);
    byConnection.set(connection, { guard });
    return guard;
  } catch {
    // A connection that fails now fails again at the caller's first statement.
    return undefined;
  }
}

/** Refuses a text that begins or ends a transaction, or names a savepoint, where the kit has savepoints to offer. */
export function refuseControl(text: string, instead: string): void {
  const { controls, savepoints } = effectsOf(text);
  if (controls || savepoints.length > 0) throw controlRefused(text, instead);
}
