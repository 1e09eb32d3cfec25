import { hostname } from 'node:os';
import { newUuidV7, type Service } from '@convergekit/core';
import { loopService, poll } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { acquireLease, hasTables } from '@convergekit/postgres/engine';
import { classify } from '@convergekit/resilience';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import { changesOf, type Finding, scanAlarms } from './findings.ts';
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
  runOnce(): Promise<readonly Finding[]>;
}

/**
 * The scans that are always on: outboxes against the watermarks of their consumers, journals against their deadlines, and
 * schedules of reconcilers against their starts.
 * They report, and repair nothing. Of several processes one scans each database, by lease.
 */
export function scanService(options: ScanOptions): ScanService {
  const { everyMs, log } = options;
  const scan = new Scans(options);
  const service = loopService({
    name: 'scans',
    run: (signal) =>
      poll({
        everyMs,
        signal,
        run: async () => {
          await scan.runOnce();
        },
        onError: (error) => log.error({ reason: classify(error).message }, 'the scans failed; they continue'),
      }),
  });
  return { ...service, runOnce: () => scan.runOnce() };
}

class Scans {
  readonly #options: ScanOptions;
  readonly #holder = `${hostname()}/${newUuidV7()}`;
  #raised: ReadonlyMap<string, Finding> = new Map();

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  async runOnce(): Promise<readonly Finding[]> {
    const { databases, stalledMs, overdueMs } = this.#options;
    const found: Finding[] = [];
    const unread = (name: string, error: unknown): void => this.#unread(name, 'outbox', error);
    for (const one of databases) {
      found.push(...(await this.#try(one, 'outbox', () => scanStalled(one, databases, stalledMs, unread))));
      found.push(...(await this.#try(one, 'gaps', () => scanLost(one))));
      found.push(...(await this.#try(one, 'journal', () => scanJournal(one, overdueMs))));
      found.push(...(await this.#try(one, 'schedules', () => scanSchedules(one))));
    }
    const { ignoredConsumers } = this.#options;
    const kept = found.filter(({ fields }) => !ignoredConsumers.includes(String(fields['consumer'])));
    this.#report(kept);
    return kept;
  }

  /** Scans a database whose lease this process holds. A database that cannot be read does not end the others' scans. */
  async #try(
    { name, executor }: NamedExecutor,
    what: string,
    scan: () => Promise<readonly Finding[]>,
  ): Promise<readonly Finding[]> {
    try {
      return (await this.#leads(executor, what)) ? await scan() : [];
    } catch (error) {
      this.#unread(name, what, error);
      return [];
    }
  }

  #unread(database: string, scan: string, error: unknown): void {
    const { category, code, message } = classify(error);
    this.#options.log.warn({ database, scan, category, code }, `not scanned: ${message}`);
  }

  async #leads(executor: Executor, what: string): Promise<boolean> {
    if (!(await hasTables(executor, 'converge.lease'))) return false; // no database of the kit
    const request = { name: `scan/${what}`, holder: this.#holder, ttlMs: 3 * this.#options.everyMs };
    return (await acquireLease(executor, request)).kind === 'acquired';
  }

  #report(found: readonly Finding[]): void {
    const { raised, cleared } = changesOf(this.#raised, found);
    const { log } = this.#options;
    for (const { alarm, fields, text } of raised) log.error({ alarm, ...fields }, text);
    for (const { alarm, fields } of cleared) log.info({ alarm, ...fields, cleared: true }, 'cleared');
    this.#raised = new Map(found.map((one) => [one.id, one]));
    for (const alarm of scanAlarms)
      instruments().scanFindings.record(found.filter((one) => one.alarm === alarm).length, {
        [attributeNames.alarm]: alarm,
      });
  }
}
