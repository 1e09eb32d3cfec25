import { failureTopic } from '@convergekit/contracts';
import { readOverview } from '@convergekit/inbox/operate';
import type { Database, Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { isPooled, newerMigrations } from '@convergekit/postgres/operate';
import { readStatus } from '@convergekit/reconcile/operate';
import { readHorizonBlockers, readOutbox } from '@convergekit/relay/operate';
import { type AttentionBounds, isKept } from '../conditions/checks.ts';
import { examine } from '../conditions/examine.ts';
import { allMigrations } from '../all-migrations.ts';
import type { NamedExecutor } from '../scans/scan-outbox.ts';
import { checkBacklog } from './backlog-checks.ts';
import type { Finding } from './finding.ts';
import { findingsOf } from './findings-of-checks.ts';
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
  const { checked, now, blind } = await examine({ one: { name, executor }, ...of });
  const found = checked.flatMap((one) => findingsOf(one, now));
  if (blind === 'commits_wait') return { findings: [reached, ...settings, ...found], ...NO_TOPICS };
  const server = [reached, await checkPooler(database), ...settings, await checkClock(executor)];
  const transactions = checkTransactions(await readHorizonBlockers(executor, { olderThanMs: LONG_MS }));
  if (blind !== undefined) return { findings: [...server, ...found, ...transactions], ...NO_TOPICS };
  const kit = await examineKit({ name, executor }, of);
  return { ...kit, findings: [...server, ...found, ...kit.findings, ...transactions] };
}

async function checkPooler(database: Database): Promise<Finding> {
  const text = (await isPooled(database))
    ? 'a pooler is in between; the kit keeps nothing in sessions, so transaction mode is fine'
    : 'none: connected to the server itself';
  return { check: 'pooler', verdict: 'ok', text };
}

async function examineKit({ executor }: NamedExecutor, of: DoctorExamination): Promise<ExaminedDatabase> {
  const declared = await readDeclared(executor, of.bounds);
  return {
    findings: [
      ...checkNewer(await newerMigrations(executor, allMigrations)),
      ...checkPermissions(await readPermissions(executor)),
      ...checkSizes(await readSizes(executor)),
      ...checkBacklog(await readOutbox(executor)),
      ...declared.findings,
    ],
    topics: [...(await topicsOfOutbox(executor)), ...declared.topics],
    partitions: await recordedPartitions(executor),
  };
}

/** Names the consumers and reconcilers of a database, with the topics that they read. The checks say what may not be read. */
async function readDeclared(executor: Executor, bounds: AttentionBounds) {
  const partitions = (await readable(() => readOverview(executor, undefined))).filter(isKept(bounds));
  const consumers = [...new Set(partitions.map(({ consumer }) => consumer))];
  const reconcilers = (await readable(() => readStatus(executor))).map(({ name }) => name);
  const fact = (check: 'consumers' | 'reconcilers', names: readonly string[]): Finding => ({
    check,
    verdict: 'ok',
    text: names.length === 0 ? 'none' : names.join(', '),
  });
  return {
    findings: [fact('consumers', consumers), fact('reconcilers', reconcilers)],
    topics: [...partitions.map(({ topic }) => topic), ...consumers.map(failureTopic)],
  };
}

async function readable<Row>(read: () => Promise<readonly Row[]>): Promise<readonly Row[]> {
  try {
    return await read();
  } catch (error) {
    if (sqlState(error) === '42501') return [];
    throw error;
  }
}

/** A newer version of the kit works with the tables as they are, and an older command may misread them (pure). */
function checkNewer(newer: readonly string[]): readonly Finding[] {
  if (newer.length === 0) return [];
  const text = `all of this version are applied, and some that it does not know: ${newer.join(', ')}. A newer version migrated this database, and this command may misread what it has`;
  const next = 'run the command of the version that migrated it';
  return [{ check: 'migrations', verdict: 'warn', text, next }];
}
