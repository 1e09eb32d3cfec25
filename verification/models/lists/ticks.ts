import { control, type Model } from '../model.ts';

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
    control('tick-not-on-disk', 'NoPhantom', { MaxCrash: 1, Tick: 'unsynced' }),
    control('id-cursor', 'NoLoss', { Read: 'idcursor' }),
    control('window-by-xid', 'KeyOrder', { Read: 'xid' }),
    control('id-without-lock', 'KeyOrder', { EmitLock: 'none' }, true),
    control('cursor-before-send', 'NoGap', { Save: 'before' }),
    control('ticks-not-kept', 'NoLoss', { Tick: 'volatile' }),
    control('stale-watermark', 'Once', { Dedup: 'stale', Consumer: ['c1', 'c2'] }),
  ],
};
