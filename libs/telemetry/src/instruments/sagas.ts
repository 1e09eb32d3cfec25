import { attributeNames } from '../attributes.ts';
import { counter, gauge, recovery } from '../instrument-definition.ts';

const { call, outcome, reason, saga, state, step } = attributeNames;

/** The instruments of external calls, workflows and sagas. */
export const sagaInstruments = {
  calls: counter(
    'converge.calls',
    '{call}',
    [call, outcome],
    'External calls and workflows that ended, by outcome',
  ),
  callsLate: counter(
    'converge.calls.late',
    '{intent}',
    [call, reason],
    'Calls that waited for longer than their bound, by name and by what they wait for',
  ),
  callsUndeclared: gauge(
    'converge.calls.undeclared',
    '{intent}',
    [call],
    'Calls that wait although no worker declares them',
  ),
  callsWaiting: gauge(
    'converge.calls.waiting',
    '{intent}',
    [call, reason],
    'Calls that failed and have waited for a minute or longer, by name and by their last failure',
  ),
  sagas: gauge('converge.sagas', '{saga}', [saga, state], 'Sagas that have not ended, by state'),
  sagaRecovery: recovery(
    'converge.saga.recovery',
    [saga, state],
    'From the first failure of a saga to its end, by the state it ended in',
  ),
  sagaEnded: counter(
    'converge.saga.ended',
    '{saga}',
    [saga, state],
    'Sagas that ended, by state: completed, compensated',
  ),
  sagaCompensations: counter(
    'converge.saga.compensations',
    '{run}',
    [saga, step, outcome],
    'Compensations of steps, by outcome: undone, noop (nothing was to be undone), stuck (an operator must act)',
  ),
  sagaJoinsSwept: counter(
    'converge.saga.joins_swept',
    '{join}',
    [saga],
    'Joins of a group that left incomplete with their run',
  ),
  sagasPaused: gauge('converge.sagas.paused', '{pause}', [saga], 'Pauses of sagas by operators'),
  sagasStuck: gauge('converge.sagas.stuck', '{saga}', [saga], 'Sagas that wait for an operator'),
} as const;
