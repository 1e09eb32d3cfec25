import { BusinessRejection, ConvergeError } from '@convergekit/core';
import type { WorkerCall } from '@convergekit/saga';
import type { Fault } from './types.ts';
import type { Network } from './running.ts';

/** Runs a handler with a fault before or after it. */
export async function inHandler(fault: Fault | undefined, handle: () => Promise<void>): Promise<void> {
  const error = fault === undefined ? undefined : errorOf(fault);
  if (error !== undefined && fault !== 'busy_after') throw error;
  await handle();
  if (error !== undefined) throw error;
}

/** Wraps a call: it passes the network on both ways, and fails as `nextFault` says. */
export function overNetwork<DB>(
  call: WorkerCall<DB>,
  step: string,
  network: Network,
  nextFault: () => Fault | undefined,
): WorkerCall<DB> {
  const revive: WorkerCall<DB>['revive'] = (stored) => {
    const revived = call.revive(stored);
    return {
      ...revived,
      call: async (guards, permit) => {
        await network.enter(`call of ${step}`, step);
        const fault = nextFault();
        const error = fault === undefined ? undefined : errorOf(fault);
        if (error !== undefined && fault !== 'reply_lost') {
          permit();
          throw error;
        }
        const result = await revived.call(guards, permit);
        await network.enter(`answer to ${step}`, step);
        if (error !== undefined) throw error;
        return result;
      },
    };
  };
  return Object.freeze({ ...call, revive });
}

function errorOf(fault: Fault): Error {
  switch (fault) {
    case 'refused':
      return new BusinessRejection('the trial refuses it', { code: 'TRIAL_REFUSED' });
    case 'broken':
      return failure('the trial breaks it', 'data', 'not_applied');
    case 'busy':
    case 'busy_after':
    case 'unavailable':
      return failure('the trial keeps it busy', 'service', 'not_applied');
    case 'request_lost':
    case 'reply_lost':
      return failure('the trial loses a message', 'network', 'unknown');
  }
}

function failure(
  message: string,
  category: 'data' | 'service' | 'network',
  certainty: 'not_applied' | 'unknown',
): ConvergeError {
  return new ConvergeError(message, { code: 'TRIAL_FAULT', category, certainty });
}
