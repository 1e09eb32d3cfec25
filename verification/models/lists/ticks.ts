import type { Model } from '../model.ts';

export const ticks: Model = {
  name: 'Ticks',
  says: 'a partition from writers to a consumer: ids under the lock of their key, ticks, fenced cursors, the watermark',
  constants: {
    NoKey: { value: 'NoKey' },
    Tx: ['t1', 't2'],
    Key: ['k1', 'k2'],
    Relay: ['r1', 'r2'],
    Consumer: ['c1'],
    MaxTerm: 2,
    MaxRewind: 0,
    MaxCrash: 0,
  },
  guards: ['EmitLock', 'Read', 'Tick', 'Save', 'Dedup'],
  invariants: ['NoPhantom', 'Once', 'KeyOrder', 'NoLoss', 'NoGap'],
  configurations: [
    { name: 'deposed-relay', quick: true },
    { name: 'evicted-consumer', constants: { Consumer: ['c1', 'c2'], MaxRewind: 1 } },
    { name: 'crash', constants: { MaxCrash: 1 } },
    // With three, an early xid commits late between two others.
    { name: 'three-transactions', constants: { Tx: ['t1', 't2', 't3'] } },
  ],
  controls: [
    { name: 'tick-not-on-disk', constants: { MaxCrash: 1, Tick: 'unsynced' }, breaks: 'NoPhantom' },
    { name: 'id-cursor', constants: { Read: 'idcursor' }, breaks: 'NoLoss' },
    { name: 'window-by-xid', constants: { Read: 'xid' }, breaks: 'KeyOrder' },
    { name: 'id-without-lock', constants: { EmitLock: 'none' }, breaks: 'KeyOrder', quick: true },
    { name: 'cursor-before-send', constants: { Save: 'before' }, breaks: 'NoGap' },
    { name: 'ticks-not-kept', constants: { Tick: 'volatile' }, breaks: 'NoLoss' },
    { name: 'stale-watermark', constants: { Dedup: 'stale', Consumer: ['c1', 'c2'] }, breaks: 'Once' },
  ],
};
