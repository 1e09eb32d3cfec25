import type { Database } from '@convergekit/postgres';
import { isPooled, missingMigrations, newerMigrations } from '@convergekit/postgres/operate';
import { readHorizonBlockers, readOutbox } from '@convergekit/relay/operate';
import { type AttentionBounds, migrationsItem } from '../attention/areas.ts';
import { readServer, serverItems } from '../attention/server-items.ts';
import { allMigrations } from '../all-migrations.ts';
import type { NamedExecutor } from '../scans/scan-outbox.ts';
import { checkBacklog } from './backlog-checks.ts';
import { checkArea, examineService } from './examine-service.ts';
import type { Finding } from './finding.ts';
import { checkPermissions, readPermissions } from './permission-checks.ts';
import { checkClock, checkServerSettings, readServerSettings } from './settings-checks.ts';
import { checkSizes, readSizes } from './size-checks.ts';
import { recordedPartitions, topicsOfOutbox } from './topic-checks.ts';
import { checkTransactions, LONG_MS } from './transaction-checks.ts';

/** A database of the settings, opened. */
export interface NamedDatabase extends NamedExecutor {
  readonly database: Database;
}

/** What the doctor compares a database with. */
export interface DoctorExamination {
  /** The databases whose consumers may lag behind this one. */
  readonly all: readonly NamedExecutor[];
  readonly bounds: AttentionBounds;
}

interface ExaminedDatabase {
  readonly findings: readonly Finding[];
  readonly topics: readonly string[];
  /** The partitions that topics have on record. */
  readonly partitions: ReadonlyMap<string, number>;
}

const NO_TOPICS = { topics: [], partitions: new Map<string, number>() };

/** Examines a database: its server, the tables of the kit, and the service that it belongs to. */
export async function examineDatabase(
  { name, database }: NamedDatabase,
  of: DoctorExamination,
): Promise<ExaminedDatabase> {
  const { executor, target } = database;
  const reached: Finding = {
    check: 'postgres',
    verdict: 'ok',
    text: `${target.database} on ${target.host}:${target.port} as ${target.user}`,
  };
  const settings = checkServerSettings(await readServerSettings(executor));
  const state = await readServer(executor);
  const conditions = serverItems(state);
  const server = checkArea({ name: 'server' }, { conditions, sound: 'it takes writes' }, 0);
  if (state.waitingCommits > 0) return { findings: [reached, ...server, ...settings], ...NO_TOPICS };
  const clock = await checkClock(executor);
  const pooler: Finding = {
    check: 'pooler',
    verdict: 'ok',
    text: (await isPooled(database))
      ? 'a pooler is in between; the kit keeps nothing in sessions, so transaction mode is fine'
      : 'none: connected to the server itself',
  };
  const transactions = checkTransactions(await readHorizonBlockers(executor, { olderThanMs: LONG_MS }));
  const missing = await missingMigrations(executor, allMigrations);
  const kit =
    missing.length > 0
      ? { findings: [migrations(missing)], ...NO_TOPICS }
      : await examineKit({ name, executor }, of);
  return {
    findings: [reached, pooler, ...server, ...settings, clock, ...kit.findings, ...transactions],
    topics: kit.topics,
    partitions: kit.partitions,
  };
}

async function examineKit(one: NamedExecutor, of: DoctorExamination): Promise<ExaminedDatabase> {
  const { executor } = one;
  const applied = checkNewer(await newerMigrations(executor, allMigrations));
  const service = await examineService({ one, ...of });
  return {
    findings: [
      applied,
      ...checkPermissions(await readPermissions(executor)),
      ...checkSizes(await readSizes(executor)),
      ...checkBacklog(await readOutbox(executor)),
      ...service.findings,
    ],
    topics: [...(await topicsOfOutbox(executor)), ...service.topics],
    partitions: await recordedPartitions(executor),
  };
}

/** A newer version of the kit works with the tables as they are, and an older command may misread them (pure). */
function checkNewer(newer: readonly string[]): Finding {
  const check = 'migrations';
  if (newer.length === 0) return { check, verdict: 'ok', text: 'all applied' };
  return {
    check,
    verdict: 'warn',
    text: `all of this version are applied, and some that it does not know: ${newer.join(', ')}. A newer version migrated this database, and this command may misread what it has`,
    next: 'run the command of the version that migrated it',
  };
}

function migrations(missing: readonly string[]): Finding {
  const { text, next } = migrationsItem(missing);
  return { check: 'migrations', verdict: 'fail', text, next };
}
