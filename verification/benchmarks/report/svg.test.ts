// Code that was removed once, and a test here failed: the filter of what was not measured.
import { expect, test } from 'vitest';
import { barPlot, cumulative, linePlot, niceCeiling } from './svg.ts';

function attributes(svg: string, element: string, name: string): number[] {
  return [...svg.matchAll(new RegExp(`<${element} [^>]*?\\b${name}="([-\\d.]+)"`, 'g'))].map((match) =>
    Number(match[1]),
  );
}

test('bars are as long as their values, and a side that failed has none', () => {
  const svg = barPlot({
    title: 'Drain <500k>',
    unit: 'events/s',
    bars: [
      { label: 'relay & co', value: 300, low: 280, high: 310 },
      { label: 'Debezium', value: 100 },
      { label: 'broken', value: Number.NaN },
    ],
  });
  const [, first, second, ...rest] = attributes(svg, 'rect', 'width');
  expect(first! / second!).toBeCloseTo(3, 1);
  expect(rest).toEqual([]);
  expect(svg).toContain('Drain &lt;500k&gt;');
  expect(svg).toContain('relay &amp; co');
  expect(svg).toContain('not measured');
  expect(svg).not.toContain('NaN');
});

test('lines run from the left to the right within the frame, without what was not measured', () => {
  const svg = linePlot({
    title: 'Rate',
    xLabel: 'million events',
    yLabel: 'events/s',
    series: [
      {
        label: 'relay',
        points: [
          [0, 200_000],
          [1, Number.NaN],
          [10, 250_000],
          [11, 1],
        ],
      },
    ],
    xMax: 10,
  });
  const path = /d="(M[\d. ]+L[\d. L]+)" fill="none" stroke="#2563eb"/.exec(svg)?.[1] ?? '';
  const xs = path
    .slice(1)
    .split('L')
    .map((pair) => Number(pair.split(' ')[0]));
  expect(xs).toEqual([78, 700]);
  expect(svg).not.toContain('NaN');
});

test('an empty plot is still a picture', () => {
  expect(linePlot({ title: 't', xLabel: 'x', yLabel: 'y', series: [] })).toContain('</svg>');
  expect(barPlot({ title: 't', unit: 'ms', bars: [] })).toContain('</svg>');
});

test('a cumulative curve rises to 1 at the largest value', () => {
  const curve = cumulative([3, 1, 2]);
  expect(curve).toHaveLength(200);
  expect(curve.at(-1)).toEqual([3, 1]);
  expect(curve[0]![0]).toBe(1);
});

test('axes end at a round number', () => {
  expect([0, 0.7, 1, 7, 12, 240_000].map(niceCeiling)).toEqual([1, 0.8, 1, 8, 15, 250_000]);
});
