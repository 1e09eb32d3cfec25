import type { Model } from '../model.ts';

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
    { name: 'takeover-keeps-term', constants: { Term: 'kept' }, breaks: 'OneHolder' },
    { name: 'save-without-term', constants: { SaveFence: 'none' }, breaks: 'CursorForward' },
    { name: 'save-before-answer', constants: { SaveFence: 'unacked' }, breaks: 'CursorNotAhead' },
    { name: 'lease-from-answer', constants: { Margin: 'answer' }, breaks: 'OneSender' },
    { name: 'send-without-clock', constants: { Margin: 'none' }, breaks: 'OneSender' },
    { name: 'log-not-compared', constants: { ...failover, LogCheck: 'none' }, breaks: 'NoLoss' },
    { name: 'rebase-in-old-epoch', constants: { ...failover, Fork: 'same_epoch' }, breaks: 'NoLoss' },
    { name: 'old-epoch-accepted', constants: { ...failover, Superseded: 'ignored' }, breaks: 'NoOldPrimary' },
    { name: 'repeats-not-compared', constants: { ...failover, Evidence: 'none' }, breaks: 'NoLoss' },
    // A limit of the design: an old primary that goes on beside a new one is found at the next common position.
    { name: 'two-primaries', constants: { ...failover, OldPrimary: 'beside' }, breaks: 'NoLoss' },
  ],
};
