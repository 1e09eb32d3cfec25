import { endsWithin, systemClock } from '@convergekit/core';
import { messageOf } from '@convergekit/core/engine';
import type { SagaDeclaration } from '@convergekit/saga/declare';
import { verifyJournals } from '@convergekit/saga/operate';
import { type ServicesUnderTest, withoutTables } from '../services-under-test.ts';
import type { RunOptions } from './acts.ts';
import { endOf, repeatedFacts } from './end-of.ts';
import { Lane } from './lane.ts';
import { planRun } from './plan-run.ts';
import { type Ran, TrialRun } from './trial-run.ts';
import { readFences } from './trial-sql.ts';
import type { RunEnd, RunOf, RunPlan, TrialHooks } from './types.ts';

export interface SagaTrialOptions extends TrialHooks {
  /**
   * Compares a run that has ended with the data of the services: returns what is wrong, or throws. @default only what
   * the kit sees itself is checked
   */
  readonly check?: (end: RunEnd) => Promise<readonly string[]> | Promise<void>;
  /** The number of runs, each under the next seed. @default 100 */
  readonly runs?: number;
  /** The seed of the first run. @default 1 */
  readonly seed?: number;
  /** Decides what goes wrong in a run. @default each step may be refused, break, be busy, or lose a message */
  readonly plan?: (run: RunOf) => RunPlan;
}

/** What happened in the runs of a trial. A trial in which nothing happens proves nothing: compare the counts with 0. */
export interface SagaTrialResult {
  /** The number of runs. */
  readonly runs: number;
  /** The number of runs in which all steps took effect. */
  readonly completed: number;
  /** The number of runs whose steps were undone. */
  readonly compensated: number;
  /** Pairs of actions that overlapped. */
  readonly overlaps: number;
  /** Those of them in which one waited for a lock of the other. */
  readonly waits: number;
}

type Trial = RunOptions & Pick<SagaTrialOptions, 'check'> & { readonly plan: (run: RunOf) => RunPlan };

/** A limit on a run that hangs, not on its speed: a run takes a tenth of a second. */
const HANGS_MS = 60_000;

/**
 * Runs a saga many times, each under a seed that decides everything: the order of deliveries, repeats, overlapping
 * transactions, crashes before a COMMIT, lost messages, refusals, cancellations, deadlines. The real steps run on real
 * databases; only the broker and the workers are replaced, by chance. Each run must end completed or compensated, emit
 * each fact once, and leave a journal that verifies. Rejects with a SagaTrialError: the shortest run that failed.
 * @example
 * ```ts
 * import { sagaTrial } from '@convergekit/testing';
 * import { database, orderPlaced, payments, placeOrder } from './shop.ts';
 *
 * const trial = await sagaTrial(placeOrder, [{ database, consumers: [payments] }], {
 *   runs: 50,
 *   start: (orderId) => orderPlaced({ orderId, cents: 4_999 }),
 * });
 * console.log(trial.completed, trial.compensated);
 * ```
 */
export async function sagaTrial<const DBs extends readonly unknown[]>(
  { declaration }: { readonly declaration: SagaDeclaration },
  services: ServicesUnderTest<DBs>,
  options: SagaTrialOptions,
): Promise<SagaTrialResult> {
  const lanes = withoutTables(services).map((service, at) => new Lane(service, `trial-${at}`));
  for (const lane of lanes) await lane.open();
  const canCancel = options.cancel !== undefined && declaration.cancel !== undefined;
  const plan = options.plan ?? ((run: RunOf) => planRun(declaration, canCancel, run));
  const { runs = 100, seed: first = 1 } = options;
  const result = { runs, completed: 0, compensated: 0, overlaps: 0, waits: 0 };
  const findings: Finding[] = [];
  for (let seed = first; seed < first + runs; seed += 1) {
    const run = new TrialRun({ ...options, lanes, declaration, plan }, seed);
    const { trace } = run;
    const ran = await inTime(run.run()).catch((cause: unknown) => {
      // What the run left behind would disturb the next ones.
      throw new SagaTrialError([{ seed, trace, violations: [messageOf(cause)] }], seed - first + 1, cause);
    });
    const { ended, violations } = await judge({ ...options, lanes, declaration, plan }, ran);
    if (violations.length > 0) findings.push({ seed, violations, trace });
    if (ended !== undefined) result[ended] += 1;
    result.overlaps += trace.filter((line) => line.includes(' | ')).length;
    result.waits += trace.filter((line) => line.includes(': waits')).length;
  }
  if (findings.length > 0) throw new SagaTrialError(findings, runs);
  await verify(lanes, runs);
  return result;
}

async function judge({ lanes, declaration, check }: Trial, { key, instance, emitted, plan }: Ran) {
  const fences = await Promise.all(lanes.map(({ database }) => readFences(database.executor, instance)));
  const end = endOf(declaration, fences.flat());
  const violations = [...repeatedFacts(declaration, emitted)];
  if (typeof end !== 'string') return { ended: undefined, violations: [...violations, end.violation] };
  try {
    const found = await check?.({ key, instance, ended: end, emitted, plan });
    violations.push(...(found ?? []));
  } catch (error) {
    violations.push(messageOf(error));
  }
  return { ended: end, violations };
}

async function verify(lanes: readonly Lane[], runs: number): Promise<void> {
  const { findings } = await verifyJournals(lanes.map(({ database }) => database.executor));
  if (findings.length === 0) return;
  const violations = findings.map((one) => `the journal does not verify: ${JSON.stringify(one)}`);
  throw new SagaTrialError([{ seed: undefined, violations, trace: [] }], runs);
}

async function inTime<T>(run: Promise<T>): Promise<T> {
  if (await endsWithin(run, HANGS_MS, systemClock)) return run;
  throw new Error(`the run hangs: it had no end after ${HANGS_MS} ms`);
}

/** A run in which something was wrong. */
export interface Finding {
  /** Undefined for what was found in the records of all runs together. */
  readonly seed: number | undefined;
  readonly violations: readonly string[];
  /** The actions of the run, in the order in which they happened. */
  readonly trace: readonly string[];
}

/** Runs of a saga's trial failed. The message shows the shortest of them, and how to run it alone. */
export class SagaTrialError extends Error {
  readonly findings: readonly Finding[];

  constructor(findings: readonly Finding[], runs: number, cause?: unknown) {
    super(reportOf(findings, runs), { cause });
    this.name = 'SagaTrialError';
    this.findings = findings;
  }
}

function reportOf(findings: readonly Finding[], runs: number): string {
  const [shortest] = findings.toSorted((a, b) => a.trace.length - b.trace.length);
  if (shortest === undefined) return `${runs} runs failed`;
  const { seed, violations, trace } = shortest;
  const indented = (lines: readonly string[]): string => lines.map((line) => `\n  ${line}`).join('');
  if (seed === undefined) return `the records of ${runs} runs are wrong:${indented(violations)}`;
  return `${findings.length} of ${runs} runs failed. The shortest has seed ${seed}:${indented(violations)}
What happened, in this order:${indented(trace)}
Run it alone, in empty databases: { seed: ${seed}, runs: 1 }`;
}
