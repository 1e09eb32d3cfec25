import { readWorkflow, type WorkflowRecord } from '@convergekit/saga/operate';
import { firstOf, tables as callTables } from '../call/calls.ts';
import type { NamedDatabase } from '../doctor/examine-database.ts';
import type { Concerned } from '../host/rights.ts';
import { type InputOf, name } from '../registry/fields.ts';
import type { Reads, Tables } from '../registry/reads.ts';

export const tables: Tables = { ...callTables, table: 'converge.workflow' };

/** The fields that name one workflow. */
export const named = { workflow: name("the declaration's name"), id: name('as `workflow list` shows it') };
type Named = InputOf<typeof named>;

export const nameOf = ({ workflow, id }: Named): string => `${workflow} ${id}`;

/** Reads a workflow, and the database that has it. Rejects with WORKFLOW_NOT_FOUND. */
export const requireWorkflow = (
  reads: Pick<Reads, 'databases'>,
  { workflow, id }: Named,
): Promise<{ readonly database: NamedDatabase; readonly record: WorkflowRecord }> =>
  firstOf(
    reads,
    async (database) => ({ database, record: await readWorkflow(database.executor, { workflow, id }) }),
    'WORKFLOW_NOT_FOUND',
  );

/** An act on a workflow concerns its database. */
export const concernedOf = async (reads: Reads, of: Named): Promise<Concerned> => ({
  database: (await requireWorkflow(reads, of)).database.name,
});
