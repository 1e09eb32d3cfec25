import { ConvergeError } from '@convergekit/core';
import type { Database } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { reportLastActs } from '../../frame/last-acts.ts';
import type { CommandContext } from '../../frame/context.ts';
import { json, text, toggle } from '../../frame/flags.ts';
import { type Result, result } from '../../frame/result.ts';

/** The outcomes that an operator states of calls, steps and workflows, by one word each. */
export const outcomes = {
  succeeded: json('it took effect, with this result', { conflicts: ['failed', 'undone', 'effectStays'] }),
  failed: text('code', 'it certainly took no effect, for this reason', {
    conflicts: ['undone', 'effectStays'],
  }),
  undone: toggle('its effect is undone', { conflicts: ['effectStays'] }),
  effectStays: toggle('of an undo that cannot be done: its effect stays, the steps before continue'),
};

/** One of the things that an operator acts on. */
export interface ActedOn {
  /** Its name in JSON and in the audit. */
  readonly named: Readonly<Record<string, string>>;
  /** Its name in a line. */
  readonly text: string;
  /** Its name in the audit. */
  readonly subject: string;
  /** Resolves with what JSON says of it besides. */
  readonly act: (by: Operator) => Promise<unknown>;
}

export interface OperatorAct {
  readonly did: 'retry' | 'resolve';
  readonly reason: string;
  /** Of `resolve`. */
  readonly outcome?: string;
  /** Is asked before anything is done; undefined: the act needs no confirmation. */
  readonly question?: string | undefined;
}

/**
 * Acts as an operator: reports the last act on each thing, asks, acts with the reason, logs who did it and why, and reports
 * it. What is refused of several is passed, so that a command that was broken off can be typed again.
 */
export async function actOn(
  context: CommandContext,
  { executor }: Pick<Database, 'executor'>,
  { question, ...done }: OperatorAct,
  all: readonly ActedOn[],
): Promise<Result> {
  await reportLastActs(
    context,
    executor,
    all.map(({ subject }) => subject),
  );
  if (question !== undefined) await context.confirm(question);
  const operator = { by: context.operator, reason: done.reason };
  const { outcome, reason } = done;
  const then = outcome === undefined ? 'due now' : `${outcome}; the worker continues with it`;
  const acted: object[] = [];
  const lines: string[] = [];
  const refusals: ConvergeError[] = [];
  for (const { named, text: line, act } of all) {
    const found = await act(operator).catch(refusalOf);
    if (found instanceof ConvergeError) {
      refusals.push(found);
      lines.push(`${line}: ${found.message}`);
      continue;
    }
    acted.push({ ...named, ...(typeof found === 'object' && found) });
    lines.push(`${line}: ${then}`);
    context.audit({ ...named, ...(outcome !== undefined && { outcome }), reason });
  }
  if (acted.length === 0 && refusals[0] !== undefined) throw refusals[0];
  const refused = refusals.map(({ code, message }) => ({ code, message }));
  return result(
    { ...done, by: operator.by, acted, ...(refused.length > 0 && { refused }) },
    () => lines,
    refused.length === 0,
  );
}

/** Returns the refusal of an act that does not fit the present state, or a lock on it. Rethrows any other error. */
export function refusalOf(error: unknown): ConvergeError {
  if (error instanceof ConvergeError && (error.category === 'data' || error.category === 'contention'))
    return error;
  throw error;
}
