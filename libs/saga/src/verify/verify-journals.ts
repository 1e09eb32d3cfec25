import type { Executor } from '@convergekit/postgres';
import type { CheckedJournals } from '../calls/journal/check-journal.ts';
import { verifyWorkflows } from '../workflow/verify.ts';
import { findOrphans } from './orphans-sql.ts';
import { verifySagas } from './verify-journal.ts';

/**
 * Replays the journals of sagas and workflows in these databases against their rows, of all or of one id, and finds
 * compensations without a cause in any of them.
 */
export async function verifyJournals(executors: readonly Executor[], id?: string): Promise<CheckedJournals> {
  let all: CheckedJournals = { journals: 0, rows: 0, findings: [] };
  for (const check of executors.flatMap((one) => [verifySagas(one, id), verifyWorkflows(one, id)]))
    for await (const { journals, rows, findings } of check)
      all = {
        journals: all.journals + journals,
        rows: all.rows + rows,
        findings: [...all.findings, ...findings],
      };
  return { ...all, findings: [...all.findings, ...(await findOrphans(executors, id))] };
}
