import { type PolicyChangeRow, readPolicyHistory, postgresMigrations } from '@convergekit/postgres';
import { type Category, seededRandom } from '@convergekit/core';
import { explain, type Policy, simulate } from '@convergekit/resilience';
import { knownPolicies } from './central-policies.ts';
import { withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { formatMs, table } from '../../frame/output.ts';

export interface SimulateFlags {
  readonly category: Category;
  readonly calls: number;
  readonly seed: number;
}

export interface HistoryFlags {
  readonly limit: number;
}

/** A refused row makes the command fail: somebody believes that it holds. */
export async function listPolicies(context: CommandContext): Promise<boolean> {
  const { book, refused } = await knownPolicies(context);
  const rows = book.names.map((name) => {
    const rules = book.applied(name).map(({ source, rule }) => ({ source, rule }));
    return { name, policy: book.for(name), rules };
  });
  context.output.result({ policies: rows, refused }, () =>
    table([
      ['name', 'attempts', 'backoff', 'attempt', 'in all', 'rules'],
      ...rows.map(({ name, policy, rules }) => [name, ...briefly(policy), sourcesOf(rules)]),
    ]),
  );
  return refused.length === 0;
}

function briefly({ attempts, backoff, attemptTimeoutMs, deadlineMs }: Policy): readonly string[] {
  return [
    String(attempts),
    `${formatMs(backoff.baseMs)} × ${backoff.factor} to ${formatMs(backoff.capMs)}`,
    formatMs(attemptTimeoutMs),
    deadlineMs === 'unbounded' ? deadlineMs : formatMs(deadlineMs),
  ];
}

function sourcesOf(rules: readonly { readonly source: string; readonly rule: string }[]): string {
  return rules.map(({ source, rule }) => `${rule} (${source})`).join(', ') || 'the kit’s defaults';
}

export async function showPolicy(context: CommandContext, name: string): Promise<boolean> {
  const { book } = await knownPolicies(context);
  const policy = book.for(name);
  const rules = book.applied(name);
  context.output.result({ name, policy, rules }, () => [
    JSON.stringify(policy, undefined, 2),
    ...rules.map(({ source, rule, change }) => `${rule} (${source}): ${JSON.stringify(change)}`),
  ]);
  return true;
}

export async function explainPolicy(context: CommandContext, name: string): Promise<boolean> {
  const { book } = await knownPolicies(context);
  const lines = explain(book.for(name));
  context.output.result({ name, lines }, () => lines);
  return true;
}

const RATES = [0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1];

/** The same seed gives the same figures, with the budget of the policy and as it would be without one. */
export async function simulatePolicy(
  context: CommandContext,
  name: string,
  { category, calls, seed }: SimulateFlags,
): Promise<boolean> {
  const policy = (await knownPolicies(context)).book.for(name);
  const free = { ...policy.budget, capacity: 'unbounded' } as const;
  const rows = RATES.map((failureRate) => {
    const load = { calls, failureRate, category };
    const budgeted = simulate(policy, { ...load, random: seededRandom(seed) });
    const without = simulate(policy, { ...load, budget: free, random: seededRandom(seed) });
    return { failureRate, ...budgeted, amplificationWithoutBudget: without.amplification };
  });
  context.output.result({ name, category, rows }, () =>
    table([
      ['failures', 'attempts a call', 'without budget', 'succeeded', 'mean wait'],
      ...rows.map((row) => [
        percent(row.failureRate),
        row.amplification.toFixed(3),
        row.amplificationWithoutBudget.toFixed(3),
        percent(row.success),
        formatMs(row.meanWaitMs),
      ]),
    ]),
  );
  return true;
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;

export async function policyHistory(
  { settings, output }: CommandContext,
  name: string | undefined,
  { limit }: HistoryFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-policy', async ({ executor }) => {
    await requireMigrations(executor, [postgresMigrations]);
    const rows = await readPolicyHistory(executor, { name, limit });
    output.result(rows, () => (rows.length === 0 ? ['nobody changed a policy here'] : rows.map(changeLine)));
    return true;
  });
}

function changeLine({
  version,
  name,
  before,
  after,
  changedAt,
  changedBy,
  role,
  reason,
}: PolicyChangeRow): string {
  const change = `${before === null ? 'none' : JSON.stringify(before)} → ${JSON.stringify(after)}`;
  return `${version}  ${changedAt.toISOString()}  ${changedBy} (${role})  ${name}: ${change}  ${reason}`;
}
