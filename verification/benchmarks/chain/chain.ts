import {
  deadlineHeaders,
  defaultPolicy,
  type OperationGuards,
  type Policy,
  policyBook,
  SharedGuards,
} from '@convergekit/resilience';
import { systemClock, systemRandom } from '@convergekit/core';
import { type Leaf, startHop, startLeaf } from './services.ts';

/**
 * guarded   the hop next to the leaf owns the retry, 4 attempts; budgets, breakers and deadlines on both, by default
 * naive     each hop retries, 4 attempts, and nothing bounds them
 */
export type Style = 'guarded' | 'naive';

/** Three services in a row: front → middle → leaf. */
export interface Chain {
  readonly leaf: Leaf;
  /** Makes one call of a client; returns true when it was answered with 200. */
  call(): Promise<boolean>;
  /** The deadline of the latest call, as a time. */
  readonly lastDeadline: number;
  close(): Promise<void>;
}

/** The time that a client waits, in milliseconds. */
const CLIENT_MS = 2_000;

export async function startChain(style: Style): Promise<Chain> {
  const leaf = await startLeaf();
  let lastDeadline = 0;
  const policy = style === 'naive' ? naive : undefined;
  const middle = await startHop('leaf.read', leaf.url, guardsOf(style), policy);
  const front = await startHop('middle.read', middle.url, guardsOf(style), policy);
  return {
    leaf,
    call: async () => {
      lastDeadline = systemClock.now() + CLIENT_MS;
      try {
        const answer = await fetch(front.url, {
          headers: deadlineHeaders(new Date(lastDeadline)),
          signal: AbortSignal.timeout(CLIENT_MS),
        });
        await answer.arrayBuffer();
        return answer.ok;
      } catch {
        return false;
      }
    },
    get lastDeadline() {
      return lastDeadline;
    },
    close: async () => {
      for (const service of [front, middle, leaf]) await service.close();
    },
  };
}

const clock = systemClock;
const random = systemRandom;
const backoff = { ...defaultPolicy.backoff, capMs: 1_000 };
const naive: Policy = { ...defaultPolicy, attempts: 4, backoff };

/** The guards of one hop: each hop stands for a separate process, so none are shared. */
function guardsOf(style: Style): OperationGuards {
  if (style === 'naive') return { clock, random };
  const policies = policyBook({ leaf: { attempts: 4, backoff }, middle: { attempts: 1 } });
  return { clock, random, shared: new SharedGuards({ policies, clock, random }) };
}
