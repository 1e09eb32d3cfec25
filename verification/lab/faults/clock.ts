import { globSync } from 'node:fs';
import { fault } from '../types.ts';
import { oneOf } from './choose.ts';

const LIBRARY = '/usr/lib/*/faketime/libfaketime.so.1';

/** A process whose clock of the day is off by an hour; its monotonic clock is right. */
const clockOff = (name: string, offset: '+1h' | '-1h') =>
  fault({
    name,
    about: `the clock of one process is off by ${offset} (Debian: libfaketime)`,
    needs: ['processes'],
    holdMs: [5_000, 20_000],
    inject: ({ processes }, { pick }) => {
      const [library] = globSync(LIBRARY);
      const child = oneOf(processes, pick);
      if (library === undefined || child === undefined) return undefined;
      const only = { FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
      child.restartWith({ LD_PRELOAD: library, FAKETIME: offset, ...only });
      return { what: child.spec.name, repair: () => child.restartWith({}) };
    },
  });

export const clockAhead = clockOff('clock-ahead', '+1h');
export const clockBehind = clockOff('clock-behind', '-1h');
