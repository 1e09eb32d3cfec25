import { expect, it } from 'vitest';
import { neverTaken, parseOutput } from './output.ts';

// Parts of what TLC 2.18 printed.
const PASSED = `TLC2 Version 2.18 of 20 March 2023
Finished computing initial states: 1 distinct state generated at 2026-11-30 11:38:40.
Progress(12) at 2026-11-30 11:38:43: 10,039 states generated (10,039 s/min), 3,737 distinct states found (3,737 ds/min), 1,748 states left on queue.
The coverage statistics at 2026-11-30 11:38:50
<Init line 56, col 1 to line 56, col 4 of module Lease>: 1:1
  line 57, col 3 to line 67, col 90 of module Lease: 1
<Jump line 79, col 1 to line 79, col 4 of module Lease>: 0:0
<TakeOver line 95, col 1 to line 95, col 11 of module Lease (100 3 107 52)>: 12:40
<LoseFence line 160, col 1 to line 160, col 12 of module Ticks>: 0:11740
End of statistics.
Model checking completed. No error has been found.
  Estimates of the probability that TLC did not check all reachable states
The coverage statistics at 2026-11-30 11:39:02
<TakeOver line 95, col 1 to line 95, col 11 of module Lease (100 3 107 52)>: 8247:33118
<Next line 270, col 1 to line 270, col 4 of module Lease (273 6 273 36)>: 22509:137230
End of statistics.
1222583 states generated, 274988 distinct states found, 0 states left on queue.
Finished in 51s at (2026-11-30 11:39:02)
`;

const VIOLATED = `Computing initial states...
Finished computing initial states: 1 distinct state generated at 2026-11-30 11:47:48.
Error: Invariant I5_OlderTermWritesNothing is violated.
Error: The behavior up to this point is:
State 1: <Initial predicate>
/\\ now = 0
1363 states generated, 673 distinct states found, 413 states left on queue.
`;

const NOT_PARSED = `Semantic processing of module Slice
Semantic errors:

*** Errors: 2

line 27, col 3 to line 27, col 6 of module Slice

Multiply-defined symbol 'Head': this definition or declaration conflicts
with the one at line 41, col 1 to line 41, col 15 of module Sequences.
Error: Parsing or semantic analysis failed.
`;

it('TLC’s report of a model that passes has its distinct states, and the last count of each action', () => {
  const { outcome, states, taken } = parseOutput(PASSED);
  expect(outcome).toEqual({ kind: 'passed' });
  expect(states).toBe(274_988);
  expect(Object.fromEntries(taken)).toEqual({ Jump: 0, TakeOver: 33_118, LoseFence: 11_740 });
});

it('TLC’s report of a violation names the invariant', () => {
  const { outcome, states, taken } = parseOutput(VIOLATED);
  expect(outcome).toEqual({ kind: 'violated', invariant: 'I5_OlderTermWritesNothing' });
  expect([states, taken.size]).toEqual([673, 0]);
});

it('a module that TLC cannot read is a failure with its reason, and so is a report without an end', () => {
  expect(parseOutput(NOT_PARSED).outcome).toMatchObject({
    kind: 'failed',
    why: expect.stringContaining("Multiply-defined symbol 'Head'") as string,
  });
  expect(parseOutput('Starting...\njava.lang.OutOfMemoryError').outcome).toEqual({
    kind: 'failed',
    why: 'Starting...\njava.lang.OutOfMemoryError',
  });
});

it('an action never ran when no configuration took it; one that only led to known states ran', () => {
  const first = parseOutput(PASSED);
  expect(neverTaken([first])).toEqual(['Jump']);
  expect(neverTaken([first, { taken: new Map([['Jump', 3]]) }])).toEqual([]);
});
