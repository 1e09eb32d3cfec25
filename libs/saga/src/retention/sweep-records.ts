import type { SweepRecords } from '../effects/effect/types.ts';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Logger } from '@convergekit/telemetry';
import { sweepSagas, type SweptJoin } from './sweep.ts';

/** Sweeps the records of sagas in the worker, and raises `join_swept` for each removed incomplete join. */
export const sweepRecords: SweepRecords = ({ log, ...options }) =>
  sweepSagas({ ...options, onIncomplete: (join) => reportSwept(log, join) });

function reportSwept(log: Logger, { waits_for: waitsFor, ...join }: SweptJoin): void {
  instruments().sagaJoinsSwept.add(1, { [attributeNames.saga]: join.saga });
  log.warn(
    { alarm: 'join_swept', ...join, waitsFor },
    'a run left whose step never heard of all members of its group: expected where the group failed and the saga was compensated',
  );
}
