import type { DomainEvent } from '@convergekit/contracts';
import { runCode } from '@convergekit/core/engine';
import { executorOf } from '@convergekit/postgres';
import { CallStatements, statementTooLate } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import type { RepairResult } from '../definition.ts';
import { ReconcileError } from '../errors.ts';
import { readActual, versionOf } from '../observe.ts';
import type { Reconciler } from '../reconciler.ts';
import type { JudgedDrift } from '../verdict/modes.ts';
import { type ChangedRows, fireDeferred, readChangedRows } from './changed-rows-sql.ts';
import { createGuard } from './guard.ts';
import { countChanged, lockRows } from './locked-rows.ts';

export interface GuardedRepair {
  readonly tx: Transaction<unknown>;
  readonly reconciler: Reconciler;
  readonly key: string;
  readonly seen: { readonly actual: unknown; readonly judged: JudgedDrift };
  readonly emit: (event: DomainEvent) => void;
  /** Gets what the repair left without `await`, when it is rejected after its end. */
  readonly stray: (error: unknown, line: string) => void;
}

/**
 * Runs the repair of a definition and checks that each row it changed had the compared version.
 * Returns `conflict` if a concurrent write came first. Throws REPAIR_UNGUARDED, which the caller rolls back.
 */
export async function runRepair(request: GuardedRepair): Promise<'written' | 'conflict'> {
  const { reconciler, key, seen, emit } = request;
  const { name, unguarded } = reconciler;
  const what = `the repair of key ${key} by ${name}`;
  const statements = new CallStatements(() => statementTooLate(what));
  const tx = statements.through(request.tx);
  const { guard, ledger } = createGuard({
    tx,
    reconciler: name,
    version: versionOf(reconciler, seen.actual),
    lock:
      reconciler.lock === undefined
        ? undefined
        : async () => ({
            rows: await lockRows(reconciler, key, tx),
            version: versionOf(reconciler, await readActual(reconciler, key, tx)),
          }),
  });
  const executor = executorOf(request.tx);
  const before = unguarded ? undefined : await readChangedRows(executor);
  const { drift } = seen.judged;
  let written: RepairResult;
  try {
    written = await runCode(what, request.stray, () =>
      reconciler.repair(drift, { tx, guard, key, drift, emit }),
    );
  } catch (error) {
    await statements.abandon();
    if (ledger().lost) return 'conflict';
    throw error;
  }
  const late = await statements.end(what);
  if (late !== undefined) throw late;
  if (ledger().lost || rowsOf(name, written) === 0) return 'conflict';
  if (before === undefined) return 'written';
  await fireDeferred(executor);
  const { rows: guarded, locked } = ledger();
  const lockedChanged = await countChanged(executor, locked);
  const after = await readChangedRows(executor);
  const fault = unguardedChange({ before, after, guarded, locked: locked.length, lockedChanged });
  if (fault !== null) throw unguardedError(name, key, fault);
  return 'written';
}

/** What the kit knows about a repair after it ran. */
interface RepairRecord {
  readonly before: ChangedRows;
  readonly after: ChangedRows;
  /** Number of rows that the guard changed on the condition of their version. */
  readonly guarded: number;
  /** Number of rows that `guard.lock` locked. */
  readonly locked: number;
  /** Number of locked rows that the repair changed. */
  readonly lockedChanged: number;
}

/** Finds out if a repair changed a row whose version was not compared. Returns what it did; null = it did not. Pure. */
function unguardedChange({ before, after, guarded, locked, lockedChanged }: RepairRecord): string | null {
  const exclusive = after.exclusive.filter((table) => !before.exclusive.includes(table));
  if (exclusive.length > 0) return `it truncated, altered or locked the table ${exclusive.join(', ')}`;
  const foreign = after.foreign.filter((table) => !before.foreign.includes(table));
  if (foreign.length > 0)
    return `it wrote to the foreign table ${foreign.join(', ')}, whose rows are not counted`;
  if (!after.counted)
    return 'the server does not count changed rows (track_counts is off), so it cannot be checked';
  const changes = Object.entries(after.byTable)
    .map(([table, count]) => ({ table, count: count - (before.byTable[table] ?? 0) }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count || a.table.localeCompare(b.table));
  const changed = changes.reduce((sum, { count }) => sum + count, 0);
  if (changed <= guarded + lockedChanged) return null;
  const tables = changes.map(({ table, count }) => `${table}: ${count}`).join(', ');
  const compared =
    locked > 0 ? `${guarded}; of the ${locked} that it locked, ${lockedChanged} changed` : `${guarded}`;
  return `it changed ${changed} ${changed === 1 ? 'row' : 'rows'} (${tables}), and the guard compared the version of ${compared}`;
}

function unguardedError(name: string, key: string, fault: string): ReconcileError {
  return new ReconcileError(
    `the repair of key ${key} by ${name} was rolled back: ${fault}. Change rows by guard.update or guard.delete, let \`lock\` find every row that it changes after guard.lock, or declare \`unguarded: true\` if a concurrent write may be lost`,
    { code: 'REPAIR_UNGUARDED', category: 'bug' },
  );
}

function rowsOf(reconciler: string, written: RepairResult | undefined): number {
  if (typeof written === 'number') return written;
  if (typeof written === 'object') {
    if ('numUpdatedRows' in written) return Number(written.numUpdatedRows);
    if ('numDeletedRows' in written) return Number(written.numDeletedRows);
    if ('numInsertedOrUpdatedRows' in written) return Number(written.numInsertedOrUpdatedRows ?? 0);
  }
  throw new ReconcileError(
    `the repair of ${reconciler} returned ${String(written)}: return the number of rows that it wrote, as the guard does, or the result of executeTakeFirst, so that a conflict differs from a success`,
    { code: 'REPAIR_INVALID', category: 'bug' },
  );
}
