import type { Judgement, Verdict } from '../audit/audit.ts';

/** Two columns, as wide as needed. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}

export function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

const marks: Readonly<Record<Judgement, string>> = { agrees: 'ok  ', disagrees: 'FAIL', not_settled: 'open' };

/** Formats the verdicts, a line per claim, and the first findings of a claim that does not hold. */
export function auditReport(verdicts: readonly Verdict[]): string {
  return verdicts
    .flatMap(({ claim, judgement, looked, findings }) => {
      const result = looked === 0 ? 'nothing to look at' : `${looked} looked at, ${findings.length} wrong`;
      return [
        `  ${marks[judgement]}  ${claim} (${result})`,
        ...findings.slice(0, 5).map(({ kind, message }) => `          ${kind}: ${message}`),
        ...(findings.length > 5 ? [`          … and ${findings.length - 5} more`] : []),
      ];
    })
    .join('\n');
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
