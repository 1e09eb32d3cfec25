import type { CheckedJournals, Finding } from '@convergekit/saga/operate';
import type { Output } from '../../frame/output.ts';
import { type Result, result } from '../../frame/result.ts';

/** The report of a check of journals: a line for each finding, and the sum. Exit code 1 when there are findings. */
export function journalReport(output: Output, checked: CheckedJournals): Result {
  const { journals, rows, findings } = checked;
  const sum = `${journals} journals of ${rows} rows checked, ${findings.length} findings`;
  const isSound = findings.length === 0;
  return result(
    checked,
    () => [
      ...findings.map((one) => `${output.mark('fail')} ${textOf(one)}`),
      isSound ? `${output.mark('ok')} ${sum}` : sum,
    ],
    isSound,
  );
}

function textOf({ kind, name, id, step, seq, what }: Finding): string {
  const where = [
    `${kind} ${name} ${id}`,
    ...(step === undefined ? [] : [`step ${step}`]),
    ...(seq === undefined ? [] : [`row ${seq}`]),
  ];
  return `${where.join(', ')}: ${what}`;
}
