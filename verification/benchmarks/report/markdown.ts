import { barText, type Figure, measuredText, ratioOf, verdictOf } from './figure.ts';

export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, bar, ours, rival, spread, note } = figure;
    const ratio = ratioOf(figure);
    const who = rival === undefined ? '–' : `${measuredText(rival)} (${rival.who})`;
    const apart = spread === undefined || spread === 1 ? '' : ` (A/A ${spread.toFixed(2)})`;
    const verdict = verdictOf(figure);
    const answer = note === undefined ? verdict : `${verdict}; ${note}`;
    return [
      name,
      barText(bar),
      measuredText(ours),
      who,
      ratio === undefined ? '–' : `${ratio.toFixed(2)}x${apart}`,
      answer,
    ];
  });
  return table(['figure', 'bar', 'ours', 'rival', 'ratio', 'met?'], rows);
}

/** A count for people: `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
