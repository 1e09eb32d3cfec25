import type { Failure } from '@convergekit/core';
import type { Outcome, OutcomeKind } from '../claim.ts';
import { pendingText } from '../in-flight/pending.ts';

/**
 * The judgement about a key. `resolvable`: a program can repair it; `unresolvable`: an operator must act;
 * `unknown`: a side could not be read, which is never equality.
 */
export type Verdict = 'in_sync' | 'pending' | 'resolvable' | 'unresolvable' | 'unknown';

/** Maps an outcome to its verdict. Pure. */
export function verdictOf(kind: OutcomeKind): Verdict {
  switch (kind) {
    case 'in_sync':
      return 'in_sync';
    // Desired changed, or actual was stale: the next look decides.
    case 'changed':
    case 'stale':
    case 'pending':
      return 'pending';
    case 'repaired':
    case 'observed':
    case 'held':
    case 'conflict':
    case 'failed':
      return 'resolvable';
    case 'unresolvable':
    case 'flapping':
    case 'refused':
      return 'unresolvable';
    case 'unknown':
      return 'unknown';
  }
}

/** Describes a failure in one line, for operators. */
export function failureText({ category, code, message }: Failure): string {
  return `${category} ${code}: ${message}`.slice(0, 1_000);
}

/** Describes an outcome for the key's row; null = there is nothing to explain. Pure. */
export function reasonOf(outcome: Outcome): string | null {
  switch (outcome.kind) {
    case 'in_sync':
    case 'repaired':
      return null;
    case 'changed':
      return 'changed: desired changed while actual was read';
    case 'stale':
      return 'stale: actual is older than the last repair';
    case 'pending':
      return pendingText(outcome.pending);
    case 'observed':
      return `observed: mode ${outcome.mode} repairs nothing`;
    case 'conflict':
      return 'conflict: another writer changed the key first';
    case 'held':
      return 'held: the limit of repairs is reached';
    case 'unresolvable':
      return outcome.reason;
    case 'flapping':
      return `flapping: repaired ${outcome.repairs} times and divergent again`;
    case 'unknown':
      return `unknown: ${outcome.side} could not be read: ${failureText(outcome.failure)}`;
    case 'refused':
    case 'failed':
      return failureText(outcome.failure);
  }
}

/**
 * Identifies an outcome that has an audit row: a row is written when it differs from the key's last one. Pure.
 * null = the outcome ends the last one. undefined = the outcome is between two verdicts, and has no row.
 */
export function auditedVerdict(outcome: Outcome): string | null | undefined {
  switch (outcome.kind) {
    case 'in_sync':
    case 'repaired':
      return null;
    case 'changed':
    case 'stale':
    case 'pending':
    case 'conflict':
      return undefined;
    case 'observed':
    case 'held':
    case 'flapping':
      return `${outcome.kind} ${outcome.driftHash}`;
    case 'unresolvable':
      return `unresolvable ${outcome.driftHash} ${outcome.reason}`.slice(0, 500);
    case 'unknown':
      return `unknown ${outcome.side} ${outcome.failure.code}`;
    case 'refused':
    case 'failed':
      return `${outcome.kind} ${outcome.failure.code}`;
  }
}
