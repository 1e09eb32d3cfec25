import { failureTopic } from '@convergekit/contracts';
import { readOverdueJournal, readUnclaimedWork } from '@convergekit/saga/operate';
import { groupParked, readOverview } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { readStatus } from '@convergekit/reconcile/operate';
import type { Finding } from './findings.ts';
import {
  checkJournal,
  checkParked,
  checkPartitions,
  checkReconcilers,
  checkWorkers,
} from './service-checks.ts';

/** A step, call or workflow that has been open this long is overdue, in milliseconds: the bounds of the kit. */
const OVERDUE_MS = 900_000;
/** Intents that are due this long and have no worker are reported, in milliseconds: a worker starts within it. */
const UNCLAIMED_MS = 60_000;
const MOST_ENTRIES = 100;

/** What the service of a database has: its findings, and the topics that its consumers read and write. */
interface ExaminedService {
  readonly findings: readonly Finding[];
  readonly topics: readonly string[];
}

interface ExamineOptions {
  readonly now: Date;
  /** Consumers that are gone for good, and whose rows remain. */
  readonly ignored: readonly string[];
}

/** Examines the consumers, sagas, calls and reconcilers of a database. */
export async function examineService(
  executor: Executor,
  { now, ignored }: ExamineOptions,
): Promise<ExaminedService> {
  const kept = ({ consumer }: { readonly consumer: string }): boolean => !ignored.includes(consumer);
  const overview = await reading('consumers', async () =>
    (await readOverview(executor, undefined)).filter(kept),
  );
  const parked = await reading('parked', async () => (await groupParked(executor, {})).filter(kept));
  const unclaimed = await reading('workers', () => readUnclaimedWork(executor, { afterMs: UNCLAIMED_MS }));
  const overdue = await reading('sagas', () =>
    readOverdueJournal(executor, { afterMs: OVERDUE_MS, limit: MOST_ENTRIES }),
  );
  const reconcilers = await reading('reconcilers', () => readStatus(executor));
  const consumers = new Set(overview.rows.map(({ consumer }) => consumer));
  return {
    findings: [
      ...(overview.refused ?? checkPartitions(overview.rows)),
      ...(parked.refused ?? checkParked(parked.rows, now)),
      ...(overdue.refused ?? checkJournal(overdue.rows, unclaimed.rows)),
      ...(unclaimed.refused ?? checkWorkers(unclaimed.rows)),
      ...(reconcilers.refused ?? checkReconcilers(reconcilers.rows)),
    ],
    topics: [...overview.rows.map(({ topic }) => topic), ...[...consumers].map(failureTopic)],
  };
}

interface Read<T> {
  readonly rows: readonly T[];
  /** Set where the role may not read the tables. */
  readonly refused?: readonly Finding[];
}

/** Reads rows. A role with the rights of another duty is no fault of the service: its check is skipped. */
async function reading<T>(check: string, read: () => Promise<readonly T[]>): Promise<Read<T>> {
  try {
    return { rows: await read() };
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    const text = 'not checked: this role may not read its tables (`converge roles read` prints the grants)';
    return { rows: [], refused: [{ check, verdict: 'skip', text }] };
  }
}
