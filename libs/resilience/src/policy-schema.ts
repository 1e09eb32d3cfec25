import type { z } from 'zod';
import type { Backoff } from '@convergekit/core/engine';
import { bound, defaultPolicy, type Policy } from './policy.ts';
import { applyChange, policyChangeSchema } from './policy-change.ts';

/** A contradiction between fields that are each valid: its path and a hint. */
export interface PolicyFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Finds contradictions between the fields of a policy. */
export function contradictions(policy: Policy): readonly PolicyFault[] {
  const { attempts, backoff, attemptTimeoutMs, breaker } = policy;
  const deadlineMs = bound(policy.deadlineMs);
  const faults = [...capBelowBase(['backoff'], backoff), ...capBelowBase(['breaker', 'open'], breaker.open)];
  // Without a bound on attempts the deadline is the bound.
  const waits = attempts === 'unbounded' || attempts === 1 ? 0 : attempts * backoff.capMs;
  if (waits > deadlineMs)
    faults.push({
      path: ['deadlineMs'],
      message: `attempts × capMs (${attempts} × ${backoff.capMs} = ${waits} ms) is above deadlineMs ${deadlineMs}: the last attempts could never start; raise deadlineMs to ${waits}, or lower attempts or backoff.capMs`,
    });
  if (attemptTimeoutMs > deadlineMs)
    faults.push({
      path: ['attemptTimeoutMs'],
      message: `attemptTimeoutMs ${attemptTimeoutMs} is above deadlineMs ${deadlineMs}: lower it to at most ${deadlineMs}`,
    });
  return faults;
}

function capBelowBase(path: readonly string[], { baseMs, capMs }: Backoff): PolicyFault[] {
  if (capMs >= baseMs) return [];
  const message = `capMs ${capMs} is below baseMs ${baseMs}: raise capMs to at least ${baseMs} or lower baseMs`;
  return [{ path: [...path, 'capMs'], message }];
}

/** Validates a policy and fills in defaults. Every issue has the field's path and a hint. */
export const policySchema: z.ZodType<Policy> = policyChangeSchema.transform((change, context) => {
  const policy = applyChange(defaultPolicy, change);
  for (const { path, message } of contradictions(policy))
    context.addIssue({ code: 'custom', path: [...path], message, input: change });
  return policy;
});
