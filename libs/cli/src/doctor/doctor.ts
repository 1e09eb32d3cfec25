import type { Admin } from '@convergekit/broker';
import { systemClock } from '@convergekit/core';
import type { Database } from '@convergekit/postgres';
import { isPooled, missingMigrations } from '@convergekit/postgres/operate';
import { readHorizonBlockers, readOutbox } from '@convergekit/relay/operate';
import { allMigrations } from '../frame/all-migrations.ts';
import { fromModules, topicsOfModules } from '../commands/topics/declared-topics.ts';
import { command } from '../frame/command.ts';
import type { NamedExecutor } from '../scans/scan-outbox.ts';
import { checkBacklog } from './backlog-checks.ts';
import type { AttentionBounds } from '../attention/areas.ts';
import { checkPermissions, readPermissions } from './permission-checks.ts';
import { checkClock, checkServerSettings, readServerSettings } from './settings-checks.ts';
import { checkSizes, readSizes } from './size-checks.ts';
import { checkTransactions, LONG_MS } from './transaction-checks.ts';
import { explain } from '../frame/explain.ts';
import { examineService } from './examine-service.ts';
import { findingsOf, type Finding } from './findings.ts';
import { checkTopic, topicsOfOutbox } from './topic-checks.ts';

/** Checks a whole service: what Converge takes as given, and what waits. It fails when something must be fixed. */
export const doctorCommand = command({
  name: 'doctor',
  summary:
    'check a whole service: database, brokers, topics, relay, consumers, sagas, workers, reconcilers; changes nothing',
  flags: fromModules,
  run: async (context, { from }) => {
    const declared = from.length === 0 ? [] : await topicsOfModules(from);
    const { scans } = context.settings.reconcile;
    const database = await attempt('postgres', async () => examineDatabase(await context.database(), scans));
    const used = 'topics' in database ? database.topics : [];
    const topics = [...new Set([...used, ...declared])].toSorted();
    const check = context.settings.broker === 'local' ? 'local log' : 'kafka';
    const log = await attempt(check, async () => examineLog(check, await context.admin(), topics));
    return findingsOf(context.output, [...database.findings, ...log.findings]);
  },
});

interface Examined {
  readonly findings: readonly Finding[];
}

// Runs a check. A system that cannot be reached is a finding, and the examination continues with the rest.
async function attempt<T extends Examined>(check: string, fn: () => Promise<T>): Promise<T | Examined> {
  try {
    return await fn();
  } catch (error) {
    return { findings: [{ check, verdict: 'fail', text: explain(error).message }] };
  }
}

async function examineDatabase(
  database: Database,
  bounds: AttentionBounds,
): Promise<Examined & { topics: readonly string[] }> {
  const { executor, target } = database;
  const reached: Finding = {
    check: 'postgres',
    verdict: 'ok',
    text: `${target.database} on ${target.host}:${target.port} as ${target.user}`,
  };
  const settings = checkServerSettings(await readServerSettings(executor));
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
      ? { findings: [migrations(missing)], topics: [] }
      : await examineKit({ name: target.database, executor }, bounds);
  return {
    findings: [reached, pooler, ...settings, clock, ...kit.findings, ...transactions],
    topics: kit.topics,
  };
}

async function examineKit(
  one: NamedExecutor,
  bounds: AttentionBounds,
): Promise<{ findings: readonly Finding[]; topics: readonly string[] }> {
  const applied: Finding = { check: 'migrations', verdict: 'ok', text: 'all applied' };
  const { executor } = one;
  const service = await examineService({ one, all: [one], bounds, now: systemClock.now() });
  return {
    findings: [
      applied,
      ...checkPermissions(await readPermissions(executor)),
      ...checkSizes(await readSizes(executor)),
      ...checkBacklog(await readOutbox(executor)),
      ...service.findings,
    ],
    topics: [...(await topicsOfOutbox(executor)), ...service.topics],
  };
}

function migrations(missing: readonly string[]): Finding {
  const text = `not applied: ${missing.join(', ')}`;
  return { check: 'migrations', verdict: 'fail', text, next: 'converge migrate' };
}

async function examineLog(check: string, admin: Admin, topics: readonly string[]): Promise<Examined> {
  const findings: Finding[] = [];
  for (const name of topics) findings.push(...checkTopic(name, await admin.describeTopic(name)));
  return { findings: [{ check, verdict: 'ok', text: 'reachable' }, ...findings] };
}
