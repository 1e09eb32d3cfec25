import { control, type Model } from '../model.ts';

/** The database fails over to a copy; terms and takeovers without clocks. */
const failover = { MaxTime: 0, LateRelay: ['r2'], MaxTerm: 4, MaxEvents: 2, MaxLog: 4, MaxEpoch: 2 };

export const lease: Model = {
  name: 'Lease',
  says: 'who may lead a source: lease and term, clocks, a failover, the comparison with the log, the epoch of a rebase',
  constants: {
    NoRelay: { value: 'NoRelay' },
    Relay: ['r1', 'r2'],
    LateRelay: [],
    MaxTerm: 2,
    MaxEvents: 1,
    MaxLog: 2,
    MaxEpoch: 1,
    MaxTime: 3,
    Jumps: false,
  },
  guards: ['Term', 'SaveFence', 'Margin', 'LogCheck', 'Fork', 'Superseded', 'Evidence', 'OldPrimary'],
  invariants: [
    'OneHolder',
    'OneSender',
    'CursorForward',
    'CursorNotAhead',
    'NoLoss',
    'OncePerEpoch',
    'NoOldPrimary',
    'NoGap',
  ],
  configurations: [
    { name: 'takeover', constants: { MaxTime: 2 }, quick: true },
    { name: 'long-leadership', constants: { MaxTime: 4, MaxEvents: 2, MaxLog: 3 } },
    { name: 'clock-jumps', constants: { Jumps: true } },
    { name: 'failover', constants: failover },
  ],
  controls: [
    control('takeover-keeps-term', 'OneHolder', { Term: 'kept' }),
    control('save-without-term', 'CursorForward', { SaveFence: 'none' }),
    control('save-before-answer', 'CursorNotAhead', { SaveFence: 'unacked' }),
    control('lease-from-answer', 'OneSender', { Margin: 'answer' }),
    control('send-without-clock', 'OneSender', { Margin: 'none' }),
    control('log-not-compared', 'NoLoss', { ...failover, LogCheck: 'none' }),
    control('rebase-in-old-epoch', 'NoLoss', { ...failover, Fork: 'same_epoch' }),
    control('old-epoch-accepted', 'NoOldPrimary', { ...failover, Superseded: 'ignored' }),
    control('repeats-not-compared', 'NoLoss', { ...failover, Evidence: 'none' }),
    // A limit of the design: an old primary that goes on beside a new one is found at the next common position.
    control('two-primaries', 'NoLoss', { ...failover, OldPrimary: 'beside' }),
  ],
};
