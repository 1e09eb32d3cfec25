import { type Check, type Judgement, judgementOf } from '../checker/check.ts';
import type { Outcome } from './run.ts';

/** Two columns, as wide as needed. */
function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
}

const marks: Readonly<Record<Judgement, string>> = { agrees: 'ok  ', disagrees: 'FAIL', not_settled: 'open' };

/** Formats checks, a line per claim, and the first findings of a claim that does not hold. */
function checkLines(checks: readonly Check[], settled: boolean): string {
  return checks
    .flatMap((check) => {
      const { claim, looked, findings } = check;
      const result = looked === 0 ? 'nothing to look at' : `${looked} looked at, ${findings.length} wrong`;
      return [
        `  ${marks[judgementOf(check, settled)]}  ${claim} (${result})`,
        ...findings.slice(0, 5).map((finding) => `          ${finding}`),
        ...(findings.length > 5 ? [`          … and ${findings.length - 5} more`] : []),
      ];
    })
    .join('\n');
}

/** Lists each fault, how often it was caused, and the slowest recovery from it. */
function faultRows({ faults, recoveries }: Pick<Outcome, 'faults' | 'recoveries'>): [string, string][] {
  return [...faults]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, times]) => {
      const after = recoveries.filter((one) => one.kind === kind).map(({ ms }) => ms);
      const slowest =
        after.length === 0 ? '' : `, all worked again after ${(Math.max(...after) / 1_000).toFixed(1)} s`;
      return [kind, `${times} ${times === 1 ? 'time' : 'times'}${slowest}`];
    });
}

/** The report of a run: figures, texts, faults, and the audit. */
export function report(outcome: Outcome): string {
  const { figures, sections = [], checks, settled } = outcome;
  const faults = faultRows(outcome);
  return [
    `\n${table(figures)}\n`,
    ...sections.map(([title, lines]) => `\n${title}\n${lines.map((line) => `  ${line}`).join('\n')}\n`),
    ...(faults.length === 0 ? [] : [`\nfaults\n${table(faults)}\n`]),
    `\naudit\n${checkLines(checks, settled)}\n\n`,
  ].join('');
}

/** How a run ends: its last words, and the exit code. */
export const endings: Readonly<Record<Judgement, { readonly text: string; readonly exitCode: number }>> = {
  agrees: { text: 'All services agree.', exitCode: 0 },
  disagrees: { text: 'The services do not agree: see FAIL above.', exitCode: 1 },
  not_settled: { text: 'Not settled in time: what is open above may yet finish, or is stuck.', exitCode: 3 },
};
