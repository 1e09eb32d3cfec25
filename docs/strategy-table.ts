import { CATEGORIES } from '@convergekit/core/engine';
import { type strategies } from '@convergekit/resilience';

/** The strategies as the guides show them. */
export function strategyTable(table: typeof strategies): string {
  const header = [
    'category',
    'retry',
    'price of a retry',
    'counts against the dependency',
    'disposition',
    'in words',
  ];
  const rows = CATEGORIES.map((category) => {
    const { retrying, price, blames, disposition, summary } = table[category];
    return [category, retrying, price, blames, disposition, summary];
  });
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
