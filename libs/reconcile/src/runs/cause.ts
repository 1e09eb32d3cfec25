import type { Run } from './run-sql.ts';

/** The cause of a run's keys, for the audit: it names the run, in whose row their outcomes are counted. */
export function causeOf({ id, cause, actor }: Pick<Run, 'id' | 'cause' | 'actor'>): string {
  const what = cause === 'once' ? 'run now' : cause;
  return `run ${id}: ${actor === null ? what : `${what} by ${actor}`}`;
}

/** The id of the run that queued a key; undefined = an event or an operator reported it. */
export function runOf(cause: string): string | undefined {
  return /^run (\d+): /.exec(cause)?.[1];
}
