import type { Admin } from '@convergekit/broker';
import { systemClock } from '@convergekit/core';
import {
  checkTopic,
  type DoctorExamination,
  examineDatabase,
  type Finding,
  findingsOf,
  groups,
  type NamedDatabase,
  readGroups,
} from '@convergekit/operate';
import { fromModules, topicsOfModules } from '../topics/declared-topics.ts';
import { command } from '../../frame/command.ts';
import { allDatabases } from '../../frame/all-databases.ts';
import type { CommandContext } from '../../frame/context.ts';
import { explain } from '@convergekit/operate/host';
import { resultOf } from './findings.ts';

/** Checks whole services: what Converge takes as given, and what waits. It fails when something must be fixed. */
export const doctorCommand = command({
  name: 'doctor',
  summary:
    'check the services of DATABASE_URL and of all CONVERGE__DATABASES__<NAME>: database, brokers, topics, relay, consumers, sagas, workers, reconcilers; changes nothing',
  flags: fromModules,
  run: async (context, { from }) => {
    const declared = from.length === 0 ? [] : await topicsOfModules(from);
    const { overdueMs, stalledMs, ignoredConsumers } = context.settings.reconcile.scans;
    const findings: Finding[] = [];
    const opened = await openAll(context, findings);
    const of = { all: opened, bounds: { overdueMs, stalledMs, ignoredConsumers } };
    const used: string[] = [];
    const recorded = new Map<string, number>();
    for (const one of opened) {
      const database = await attempt('postgres', () => examineDatabase(one, of));
      findings.push(...named(database.findings, one, opened));
      if (!('topics' in database)) continue;
      used.push(...database.topics);
      for (const [topic, count] of database.partitions)
        recorded.set(topic, Math.max(count, recorded.get(topic) ?? 0));
    }
    const topics = [...new Set([...used, ...declared])].toSorted();
    const check = context.settings.broker === 'local' ? 'local log' : 'kafka';
    const log = await attempt(check, async () => {
      const admin = await context.admin();
      const ends = await examineLog(check, admin, topics, recorded);
      return { findings: [...ends.findings, ...(await examineGroups(admin, opened, of))] };
    });
    return resultOf(context.output, [...findings, ...log.findings]);
  },
});

interface Examined {
  readonly findings: readonly Finding[];
}

// Runs a check. A system that cannot be reached is a finding, and the examination continues with the rest.
async function attempt<T extends Examined>(
  check: Finding['check'],
  fn: () => Promise<T>,
): Promise<T | Examined> {
  try {
    return await fn();
  } catch (error) {
    return { findings: [{ check, verdict: 'fail', text: explain(error).message }] };
  }
}

/** Names the database of findings where there are several. */
function named(
  findings: readonly Finding[],
  { name: database }: Pick<NamedDatabase, 'name'>,
  all: readonly unknown[],
): readonly Finding[] {
  return all.length < 2 ? findings : findings.map((one) => ({ database, ...one }));
}

/** The longest time of one statement, in milliseconds: a look that waits for a lock ends, and that is a finding. */
const STATEMENT_MS = 15_000;

/** Opens the databases of the settings. One that cannot be opened is a finding, and so is a setting that lacks. */
const openAll = (context: CommandContext, findings: Finding[]): Promise<readonly NamedDatabase[]> =>
  allDatabases(context, {
    open: { statementTimeoutMs: STATEMENT_MS },
    onFailure: (error, name) => {
      const text = explain(error).message;
      findings.push({
        ...(name !== undefined && { database: name }),
        check: 'postgres',
        verdict: 'fail',
        text,
      });
    },
  });

async function examineLog(
  check: 'kafka' | 'local log',
  admin: Admin,
  topics: readonly string[],
  recorded: ReadonlyMap<string, number>,
): Promise<Examined> {
  const findings: Finding[] = [];
  for (const name of topics)
    findings.push(...checkTopic(name, await admin.describeTopic(name), recorded.get(name)));
  return { findings: [{ check, verdict: 'ok', text: 'reachable' }, ...findings] };
}

/** Finds what the broker alone knows of consumers. */
async function examineGroups(
  admin: Admin,
  databases: readonly NamedDatabase[],
  { bounds }: DoctorExamination,
): Promise<readonly Finding[]> {
  // The broker's times.
  const now = systemClock.now();
  const found = await readGroups(admin, databases, { bounds, now });
  if (found.length === 0) return findingsOf({ check: groups, found }, now);
  return found.flatMap(({ database: name, ...one }) =>
    named(findingsOf({ check: groups, found: [one] }, now), { name }, databases),
  );
}
