import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const NUMBER = '\\d[\\d,]*(?:\\.\\d+)?';
const UNIT = 'ms|µs|MiB|KiB|MB|s(?![a-z])|events/s|sagas/s|transactions/s';
/** A number with its unit, if it has one: `20 / 41 ms` and `5.8 and 22.1 ms` are two figures in ms. */
const FIGURE = new RegExp(
  `(?<![\\d.,])(${NUMBER})(?=(?: (?:/|and) ${NUMBER})? (${UNIT})|(?! ?\\d|,\\d|\\.\\d))`,
  'g',
);
/** A figure in prose has a unit, is counted by the second, or stands beside the one that has it: `20 ms (p99 41), ours 49 (119)`. */
const IN_PROSE = /^ (?:\(p?\d|a second|sagas a second)|^\)/;
const REPORT = /benchmarks\/(\d{4}-\d\d-\d\d-\w+\.md)/;
const NO_PROSE = /`[^`]*`|\]\([^)]*\)/g;

interface Figure {
  readonly text: string;
  readonly unit: string | undefined;
  readonly isInProse: boolean;
}

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const numberOf = (text: string): number => Number(text.replaceAll(',', ''));

const figuresOf = (text: string): readonly Figure[] =>
  [...text.matchAll(FIGURE)].map(({ 1: number = '', 2: unit, index }) => ({
    text: number,
    unit,
    isInProse: unit !== undefined || IN_PROSE.test(text.slice(index + number.length)),
  }));

/** True where the figure is the measured one, rounded to the digits that it shows: 118,000 for 117,969. */
function rounds({ text, unit }: Figure, measured: Figure): boolean {
  if (unit !== undefined && measured.unit !== undefined && unit !== measured.unit) return false;
  const decimals = /\.(\d+)$/.exec(text)?.[1]?.length ?? 0;
  const step = text.endsWith(',000') ? 1_000 : 10 ** -decimals;
  return Math.abs(numberOf(measured.text) - numberOf(text)) <= step / 2;
}

/** The figures of a page that stand beside a link to a report, or in the table behind it, and in no table of these reports. */
function unmeasured(page: string, readReport: (name: string) => string): readonly string[] {
  const reports = new Set([...page.matchAll(new RegExp(REPORT, 'g'))].map(([, name = '']) => name));
  const rows = [...reports]
    .flatMap((name) => readReport(name).split('\n'))
    .filter((line) => line.startsWith('|'));
  const measured = rows.flatMap(figuresOf);
  const blocks = page.split(/\n{2,}/);
  return blocks
    .filter((block, at) => REPORT.test(block) || (block.startsWith('|') && REPORT.test(blocks[at - 1] ?? '')))
    .flatMap((block) => figuresOf(block.replaceAll(NO_PROSE, '')))
    .filter((figure) => figure.isInProse && !measured.some((one) => rounds(figure, one)))
    .map(({ text, unit }) => (unit === undefined ? text : `${text} ${unit}`));
}

it.each(['comparison.md', 'guides/performance.md'])(
  'each figure that %s takes from a report stands in a table of its reports',
  (page) => {
    expect(unmeasured(read(page), (name) => read(`benchmarks/${name}`))).toEqual([]);
  },
);

it('a figure that no table has with its unit is found, and one that is rounded is not', () => {
  const report = 'Prose with 7 ms.\n\n| p50 / p99 | 5.84 / 41 ms; 117,969 events/s; 11 s |';
  const page =
    'It takes 5.8 ms (p99 41), 7 ms, 118,000 events/s and 11 ms ([report](benchmarks/2026-01-01-x.md)).\n\nIt takes 3 s.';
  expect(unmeasured(page, () => report)).toEqual(['7 ms', '11 ms']);
});
