import { describe, expect, it } from 'vitest';
import { ancestorsOf, drawTree, orphansOf, spansOf, type TreeSpan } from './trace-tree.ts';

const span = (spanId: string, more: Partial<TreeSpan> = {}): TreeSpan => ({
  traceId: 't',
  spanId,
  service: 'shop',
  name: `span ${spanId}`,
  startTimeUnixNano: spanId,
  attributes: [],
  ...more,
});

const attempt = {
  attributes: [
    { key: 'converge.attempt.number', value: { intValue: 2 } },
    { key: 'converge.attempt.reason', value: { stringValue: 'HTTP_500' } },
  ],
};
const tree = [
  span('3', { parentSpanId: '1', ...attempt }),
  span('1'),
  span('2', { parentSpanId: '1' }),
  span('4', { traceId: 'u', links: [{ traceId: 't', spanId: '2' }], service: 'relay' }),
  span('5', { traceId: 'v' }),
];

describe('the tree of a trace', () => {
  it('a trace has its own spans and those that link to it', () => {
    expect(spansOf(tree, 't').map(({ spanId }) => spanId)).toEqual(['3', '1', '2', '4']);
  });

  it('the root is the one span without parent and link, unless one was lost', () => {
    const of = (spans: readonly TreeSpan[]) => orphansOf(spans).map(({ spanId }) => spanId);
    expect(of(spansOf(tree, 't'))).toEqual(['1']);
    expect(of(spansOf(tree, 't').filter(({ spanId }) => spanId !== '1'))).toEqual(['3', '2']);
  });

  it('the ancestors of a span are found up to the root', () => {
    expect(ancestorsOf(tree, tree[0]!).map(({ spanId }) => spanId)).toEqual(['1']);
  });

  it('a tree is drawn in the order of time, with attempts, reasons and links', () => {
    expect(drawTree(spansOf(tree, 't'))).toBe(
      'span 1 (shop)\n  span 2 (shop)\n  span 3 (shop) #2 HTTP_500\nspan 4 (relay) -> span 2',
    );
  });
});
