import { cli } from '../../libs/cli/src/fixture/cli.ts';
import { runCli } from '../../libs/cli/src/fixture/cli-process.ts';
import type { Child } from './process.ts';

/** The environment of a command: which database, which log. */
export type Environment = Readonly<Record<string, string>>;

export interface ConvergeOptions {
  /** True to return what a command printed that failed. @default false */
  readonly mayFail?: boolean;
  /** True for a command whose modules read the environment of their process. @default false */
  readonly apart?: boolean;
}

/** Runs `converge … --json`, in this process or apart, and returns what it printed. */
export async function converge<T>(
  args: readonly string[],
  env: Environment,
  { mayFail = false, apart = false }: ConvergeOptions = {},
): Promise<T> {
  const words = [...args, '--json', '--quiet'];
  const { code, stdout, stderr } = await (apart
    ? runCli(words, env)
    : cli(words, { LOG_LEVEL: 'fatal', ...env }));
  if (code !== 0 && !mayFail)
    throw new Error(`converge ${args.join(' ')} ended with ${code ?? 'a signal'}: ${stderr}${stdout}`);
  return JSON.parse(stdout === '' ? 'null' : stdout) as T;
}

/** An event as `converge outbox list` shows it. */
export interface ListedEvent {
  /** The number of its row. */
  readonly id: string;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly published: boolean;
  readonly createdAt: string;
}

const MANY = ['--limit', '100000000'];

/** Lists events of an outbox in the order of their rows: for a key, the order of the commits. */
export async function listEvents(
  env: Environment,
  ...filter: readonly string[]
): Promise<readonly ListedEvent[]> {
  const listed = await converge<readonly ListedEvent[]>(['outbox', 'list', ...MANY, ...filter], env);
  return listed.toReversed();
}

/** The state of a source, as `converge outbox stats` shows it. */
export interface SourceState {
  readonly backlog: number;
  /** The relay that leads; its name has the process id. */
  readonly holder?: string;
  /** How often the lease was taken. */
  readonly terms: number;
  readonly held: readonly { readonly topic: string; readonly reason: string }[];
}

export function sourceState(env: Environment): Promise<SourceState> {
  return converge(['outbox', 'stats'], env);
}

interface Comparison {
  readonly result?: { readonly refusals: readonly unknown[]; readonly unread: readonly unknown[] };
}

/** The comparison of a source with its log, as `converge source show` prints it; undefined when it printed none. */
export async function logComparison(env: Environment): Promise<Comparison | undefined> {
  const args = ['source', 'show'];
  const shown = await converge<{ readonly comparison: Comparison } | null>(args, env, { mayFail: true });
  return shown?.comparison;
}

/** True when the log has everything that its source published. */
export function isComplete(comparison: Comparison | undefined): boolean {
  const { result } = comparison ?? {};
  return result !== undefined && result.refusals.length === 0 && result.unread.length === 0;
}

/** The process that leads a source; undefined when it is none of these. */
export async function leaderOf(env: Environment, relays: readonly Child[]): Promise<Child | undefined> {
  const { holder = '' } = await sourceState(env);
  return relays.find(({ pid }) => pid !== undefined && new RegExp(`\\b${pid}\\b`).test(holder));
}

/** A partition of a consumer, as `converge consumers list` shows it. */
export interface PartitionState {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: string;
  readonly logEnd: string | null;
  readonly parkedKeys: number;
  readonly halted: { readonly code: string; readonly reason: string } | null;
}

export function partitionStates(env: Environment): Promise<readonly PartitionState[]> {
  return converge(['consumers', 'list'], env);
}

/** Counts the records that the consumers of a database have passed, and those that they have not read. */
export async function readProgress(env: Environment): Promise<{ read: number; unread: number }> {
  let [read, unread] = [0, 0];
  for (const { nextOffset, logEnd } of await partitionStates(env)) {
    read += Number(nextOffset);
    unread += Math.max(0, Number(logEnd ?? 0) - Number(nextOffset));
  }
  return { read, unread };
}

/** A repair, as `converge reconcile audit` shows it. */
export interface Repair {
  readonly reconciler: string;
  readonly key: string;
  readonly verdict: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly why: string;
  readonly at: string;
}

/** Lists what these reconcilers repaired, in the order of time. One that has not run yet has repaired nothing. */
export async function listRepairs(env: Environment, names: readonly string[]): Promise<readonly Repair[]> {
  const repairs: Repair[] = [];
  for (const reconciler of names) {
    const args = ['reconcile', 'audit', reconciler, ...MANY];
    const rows = (await converge<readonly Repair[] | null>(args, env, { mayFail: true })) ?? [];
    for (const row of rows) if (row.verdict === 'repaired') repairs.push({ ...row, reconciler });
  }
  return repairs.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}
