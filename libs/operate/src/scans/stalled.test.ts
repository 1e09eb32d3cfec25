import { describe, expect, it } from 'vitest';
import { changesOf, type ScanFinding } from './findings.ts';
import { readPositions } from './stalled.ts';

const at = (tick: bigint, id = 1n, epoch = 1) => ({ epoch, tick, id });
const read = (sent: ReturnType<typeof at>, mark: ReturnType<typeof at> | null, bound: bigint | null) =>
  readPositions({ sent, ageMs: 5 }, { mark }, bound);

describe('the positions of a source and a consumer', () => {
  it.each([
    ['a consumer that handled the newest event', at(9n), at(9n), 20n, { kind: 'handled' }],
    ['an event that is younger than the bound', at(30n), at(20n), 20n, { kind: 'handled' }],
    ['a source that is younger than the bound', at(9n), at(5n), null, { kind: 'handled' }],
    ['an old event that is the newest, and not handled', at(9n), at(8n), 20n, { kind: 'stalled', ageMs: 5 }],
    [
      'an old event that is not handled, in the tick of one that is',
      at(9n, 7n),
      at(9n, 6n),
      20n,
      { kind: 'stalled', ageMs: 5 },
    ],
    [
      'a consumer from the log’s start that has read nothing',
      at(9n),
      null,
      20n,
      { kind: 'stalled', ageMs: 5 },
    ],
    [
      'newer events behind ones that may be old',
      at(30n),
      at(8n),
      20n,
      { kind: 'look', after: 8n, upTo: 20n },
    ],
    [
      'a consumer that has not reached the new epoch',
      at(3n, 1n, 2),
      at(9n),
      20n,
      { kind: 'stalled', ageMs: 5 },
    ],
    ['ticks of two epochs, which cannot be compared', at(30n, 1n, 2), at(9n), 20n, { kind: 'handled' }],
  ] as const)('%s', (_name, sent, mark, bound, reading) => expect(read(sent, mark, bound)).toEqual(reading));
});

it('a condition is reported when it appears and when it is gone, and not in between', () => {
  const finding = (id: string): ScanFinding => ({ alarm: 'events_lost', id, fields: {}, text: id });
  const before = new Map([
    ['a', finding('a')],
    ['b', finding('b')],
  ]);
  expect(changesOf(before, [finding('b'), finding('c')])).toEqual({
    raised: [finding('c')],
    cleared: [finding('a')],
  });
});
