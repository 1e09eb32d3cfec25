import type { Operator } from '@convergekit/postgres/operate';
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

/** Acts as an operator: asks, acts with the reason, logs who did it and why, and reports it. */
export async function actOn(
  context: CommandContext,
  { question, ...done }: OperatorAct,
  all: readonly ActedOn[],
): Promise<Result> {
  if (question !== undefined) await context.confirm(question);
  const operator = { by: context.operator, reason: done.reason };
  const acted: object[] = [];
  for (const { named, act } of all) {
    const found = await act(operator);
    acted.push({ ...named, ...(typeof found === 'object' && found) });
    const { outcome, reason } = done;
    context.audit({ ...named, ...(outcome !== undefined && { outcome }), reason });
  }
  const then = done.outcome === undefined ? 'due now' : `${done.outcome}; the worker continues with it`;
  return result({ ...done, by: operator.by, acted }, () => all.map(({ text: line }) => `${line}: ${then}`));
}
