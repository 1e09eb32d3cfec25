import { type Broker, BrokerError } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import { compareLog, type LogComparison } from '../log-check/log-check.ts';
import { readSourceState, type SourceState } from './source-sql.ts';

export type SourceInspection = SourceState & {
  readonly comparison:
    | { readonly kind: 'compared'; readonly result: LogComparison }
    | { readonly kind: 'not_compared'; readonly why: string };
};

/** Reads a source's state and compares it with the log. Changes nothing; a leader may be at work. */
export async function inspectSource(executor: Executor, broker: Broker): Promise<SourceInspection> {
  const state = await readSourceState(executor);
  const { source, cursors } = state;
  try {
    const result = await compareLog({ executor, broker, source, cursors });
    return { ...state, comparison: { kind: 'compared', result } };
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return { ...state, comparison: { kind: 'not_compared', why: error.message } };
  }
}
