import { hostname } from 'node:os';
import { newUuidV7, type Service } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { acquireLease, hasTables } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import { changesOf, type ScanFinding, scanAlarms } from './findings.ts';
import { scanJournal, scanSchedules } from './scan-overdue.ts';
import { type NamedExecutor, scanLost, scanStalled } from './scan-outbox.ts';

export interface ScanOptions {
  /** The databases of the process: sources, and the services that consume them. */
  readonly databases: readonly NamedExecutor[];
  /** The time after which an event that is not handled counts as stalled, in milliseconds. */
  readonly stalledMs: number;
  /** The time after which an open step, call or workflow is reported, in milliseconds. */
  readonly overdueMs: number;
  readonly everyMs: number;
  /** Consumers that are gone for good, and whose rows remain. */
  readonly ignoredConsumers: readonly string[];
  readonly log: Logger;
}

export interface ScanService extends Service {
  /** Scans once. Returns what it found in the databases whose scan this process holds. */
  runOnce(): Promise<readonly ScanFinding[]>;
}

/**
 * The scans that are always on: outboxes against the watermarks of their consumers, journals against their deadlines, and
 * schedules of reconcilers against their starts.
 * They report, and repair nothing. Of several processes one scans each database, by lease.
 */
export function scanService(options: ScanOptions): ScanService {
  const { databases, stalledMs, overdueMs, everyMs, ignoredConsumers, log } = options;
  const holder = `${hostname()}/${newUuidV7()}`;
  let raised: ReadonlyMap<string, ScanFinding> = new Map();

  const unread = (database: string, scan: string, error: unknown): void => {
    const { category, code, message } = classify(error);
    log.warn({ database, scan, category, code }, `not scanned: ${message}`);
  };
  /** Scans a database whose lease this process holds. A database that cannot be read does not end the others' scans. */
  const attempt = async (
    { name, executor }: NamedExecutor,
    what: string,
    scan: () => Promise<readonly ScanFinding[]>,
  ): Promise<readonly ScanFinding[]> => {
    try {
      const request = { name: `scan/${what}`, holder, ttlMs: 3 * everyMs };
      return (await leads(executor, request)) ? await scan() : [];
    } catch (error) {
      unread(name, what, error);
      return [];
    }
  };
  const runOnce = async (): Promise<readonly ScanFinding[]> => {
    const found: ScanFinding[] = [];
    const lost = (name: string, error: unknown): void => unread(name, 'outbox', error);
    for (const one of databases) {
      found.push(...(await attempt(one, 'outbox', () => scanStalled(one, databases, stalledMs, lost))));
      found.push(...(await attempt(one, 'gaps', () => scanLost(one))));
      found.push(...(await attempt(one, 'journal', () => scanJournal(one, overdueMs))));
      found.push(...(await attempt(one, 'schedules', () => scanSchedules(one))));
    }
    const kept = found.filter(({ fields }) => !ignoredConsumers.includes(String(fields['consumer'])));
    report(log, raised, kept);
    raised = new Map(kept.map((one) => [one.id, one]));
    return kept;
  };
  const onError = (error: unknown): void =>
    log.error({ reason: classify(error).message }, 'the scans failed; they continue');
  const run = async (): Promise<void> => {
    await runOnce();
  };
  return {
    ...loopService({ name: 'scans', run: (signal) => poll({ everyMs, signal, run, onError }) }),
    runOnce,
  };
}

async function leads(executor: Executor, request: Parameters<typeof acquireLease>[1]): Promise<boolean> {
  if (!(await hasTables(executor, 'converge.lease'))) return false; // no database of the kit
  return (await acquireLease(executor, request)).kind === 'acquired';
}

/** Logs what appeared and what is gone, and counts what there is. */
function report(log: Logger, before: ReadonlyMap<string, ScanFinding>, now: readonly ScanFinding[]): void {
  const { raised, cleared } = changesOf(before, now);
  for (const { alarm, fields, text } of raised) log.error({ alarm, ...fields }, text);
  for (const { alarm, fields } of cleared) log.info({ alarm, ...fields, cleared: true }, 'cleared');
  for (const alarm of scanAlarms)
    instruments().scanFindings.record(now.filter((one) => one.alarm === alarm).length, {
      [attributeNames.alarm]: alarm,
    });
}
