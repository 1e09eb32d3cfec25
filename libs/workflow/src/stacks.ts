import type { Service } from '@convergekit/core';
import { type Ended, recover, runBody } from './body.ts';
import { type ClaimedStack, claimStack, openStack, readStackRow } from './claim-sql.ts';
import type { Stack } from './define-stack.ts';
import { StackError, Suspended } from './errors.ts';
import { rootOf } from './fold.ts';
import { Journal } from './journal.ts';
import { type ResolvedStacks, resolveStacks, type StacksOptions } from './options.ts';
import { readFold } from './read-fold.ts';
import { explainMissing, stackWorker } from './stack-worker.ts';
import type { Turn } from './turn.ts';

/** The compensation stacks of a service, and the Service that goes on with what was interrupted. */
export interface CompensationStacks {
  /**
   * Runs a stack under an id of the caller's, and resolves with what its body returned. When the body throws, everything
   * is undone, the last step first, and it rejects: STACK_COMPENSATED once nothing is left; STACK_UNFINISHED when the
   * workers go on with it; STACK_STUCK when a person must. Repeated under the same id it does nothing again: it tells how
   * that one ended, or goes on with what was interrupted.
   */
  readonly run: <Input, Result>(stack: Stack<Input, Result>, id: string, input: Input) => Promise<Result>;
  /** Undoes or resumes what was interrupted on any node. Start one in each process that declares the stacks. */
  readonly worker: Service;
}

/** Makes the stacks of a service ready to run. Throws STACK_INVALID. */
export function compensationStacks<DB>(
  stacks: readonly Stack[],
  options: StacksOptions<DB>,
): CompensationStacks {
  const resolved = resolveStacks(stacks, options);
  return {
    worker: stackWorker(resolved),
    run: async <Input, Result>(stack: Stack<Input, Result>, id: string, input: Input): Promise<Result> => {
      if (resolved.stacks.get(stack.name) !== (stack as unknown))
        throw new StackError('STACK_MISUSED', `${stack.name} is not among the stacks of this process`);
      if (id === '' || id.length > 200)
        throw new StackError('STACK_MISUSED', `the id of ${stack.name} must have 1 to 200 characters`);
      const text = stack.plan(input);
      return stack.resultOf(await answered(resolved, stack, id, text));
    },
  };
}

async function answered(options: ResolvedStacks, stack: Stack, id: string, input: string): Promise<string> {
  const { database, holder, idleMs } = options;
  const wanted = { stack: stack.name, id, input };
  const opened = await openStack(database.executor, wanted, holder, idleMs).catch(explainMissing);
  if (opened !== undefined) return told(options, stack, opened, runBody);
  const row = await readStackRow(database.executor, stack.name, id);
  if (row?.input !== input)
    throw new StackError(
      'STACK_KEY_REUSED',
      `${stack.name} ${id} was run with another input: give each its own id`,
      {
        category: 'data',
      },
    );
  if (row.state === 'completed' && row.result !== null) return row.result;
  const claimed = await claimStack(database.executor, holder, stack.name, id, idleMs);
  if (claimed !== undefined) return told(options, stack, claimed, recover);
  return notOurs(options, stack.name, id);
}

/** Runs it here to its end, and tells that as an answer or an error. */
async function told(
  options: ResolvedStacks,
  stack: Stack,
  claim: ClaimedStack,
  act: (turn: Turn) => Promise<Ended>,
): Promise<string> {
  const { database, clock, patienceMs } = options;
  try {
    const journal = await Journal.of(claim, database.executor, clock);
    const ended = await act({ options, stack, journal, patienceMs, signal: new AbortController().signal });
    if (ended.kind === 'completed') return ended.result;
    throw compensated(claim, ended);
  } catch (error) {
    throw error instanceof Suspended ? suspended(claim, error) : error;
  }
}

type Named = Pick<ClaimedStack, 'stack' | 'id'>;

function compensated(
  { stack, id }: Named,
  { failure, cause }: Omit<Extract<Ended, { kind: 'compensated' }>, 'kind'>,
) {
  const message = `${stack} ${id} was undone: ${failure.message}`;
  return new StackError('STACK_COMPENSATED', message, { category: failure.category, cause });
}

function suspended({ stack, id }: Named, { why, message, cause }: Suspended): StackError {
  const what = `${stack} ${id}`;
  switch (why) {
    case 'stuck':
      return new StackError('STACK_STUCK', `${what} waits for a person: ${message}`, {
        category: 'service',
        certainty: 'unknown',
      });
    case 'lost':
      return new StackError(
        'STACK_INTERRUPTED',
        `${what} was interrupted: ${message}; a worker goes on with it`,
        {
          category: 'service',
          certainty: 'unknown',
          cause,
        },
      );
    case 'waits':
    case 'code_changed':
      return new StackError(
        'STACK_UNFINISHED',
        `${what} has not ended: ${message}; a worker goes on with it`,
        {
          category: 'service',
          certainty: 'unknown',
        },
      );
  }
}

/** Somebody else has it, or it has ended undone. */
async function notOurs({ database }: ResolvedStacks, stack: string, id: string): Promise<never> {
  const { state, fold } = await readFold(database.executor, stack, id);
  const { failure } = rootOf(fold);
  switch (state) {
    case 'compensated':
      if (failure === undefined) throw new RangeError(`${stack} ${id} was undone without a reason`);
      throw compensated({ stack, id }, { failure });
    case 'stuck':
      throw suspended(
        { stack, id },
        new Suspended('stuck', fold.stuck?.note ?? 'see `converge workflow show`'),
      );
    case 'compensating':
      throw suspended({ stack, id }, new Suspended('waits', 'it is being undone'));
    case 'running':
    case 'completed':
      throw new StackError('STACK_BUSY', `${stack} ${id} is running in another process: ask again later`, {
        category: 'contention',
      });
  }
}
