import { attributeNames } from '../attributes.ts';
import { age, counter, duration, gauge } from '../instrument-definition.ts';

const {
  category,
  objective,
  giveUp,
  outcome,
  failureKind,
  reason,
  attempt,
  waitRule,
  operationName: operation,
  breakerState,
  consumer,
  topic,
} = attributeNames;

const event = '{event}';

/** What is attempted: a handler of a consumer, an operation, or a call. */
const attempted = [
  attributeNames.consumer,
  attributeNames.handler,
  attributeNames.operationName,
  attributeNames.call,
] as const;

/** The instruments of attempts, policies and breakers. */
export const attemptInstruments = {
  policyVersion: gauge(
    'converge.policy.version',
    '1',
    [],
    'Newest change of the central policies that was read',
  ),
  policyStaleness: age('converge.policy.staleness', [], 'Since the central policies were read last'),
  policyRefused: gauge(
    'converge.policy.refused',
    '{rule}',
    [],
    'Rules of the central table refused as invalid',
  ),
  attempts: counter(
    'converge.attempts',
    '{attempt}',
    [...attempted, objective, giveUp, outcome, category, failureKind, reason],
    'Attempts by handler, operation or call, category, outcome and reason; successful ones included',
  ),
  attemptDuration: duration(
    'converge.attempt.duration',
    [...attempted, objective, outcome, attempt],
    'One attempt at a handler, an operation or an external call, by outcome (ok, failed) and number (1, 2, 3, 4+)',
  ),
  attemptWait: duration(
    'converge.attempt.wait',
    [...attempted, objective, giveUp, waitRule],
    'Waits before the next attempt, by rule',
  ),
  objectiveTarget: gauge(
    'converge.objective.target',
    '1',
    [objective],
    'Share of the attempts that must be good, by objective',
  ),
  retryBudget: gauge('converge.retry.budget', '1', [operation], 'Remaining share of a retry budget, 0 to 1'),
  breakerState: gauge(
    'converge.breaker.state',
    '1',
    [operation],
    '0 closed, 1 half open, 2 open, 3 isolated',
  ),
  breakerChanges: counter(
    'converge.breaker.changes',
    '{change}',
    [operation, breakerState],
    'Changes of a breaker, by the state after it',
  ),
  deadLetters: counter(
    'converge.dead_letters',
    event,
    [consumer, topic, category, failureKind],
    'Events given up, each with a failure event',
  ),
} as const;
