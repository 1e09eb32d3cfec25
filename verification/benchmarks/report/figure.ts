/** The bar that a figure must reach. `report`: there is no bar. */
export type Bar =
  | { readonly kind: 'at least'; readonly ratio: number; readonly aim?: number | undefined }
  | { readonly kind: 'at most'; readonly ratio: number; readonly aim?: number | undefined }
  | { readonly kind: 'below'; readonly limit: number; readonly unit: string }
  | { readonly kind: 'report' };

const REPORT: Bar = { kind: 'report' };

export interface Figure {
  readonly name: string;
  /** @default report */
  readonly bar?: Bar | undefined;
  /** undefined: not measured, and `note` says why. */
  readonly ours: Measured | undefined;
  /** The comparison: a peer, or the same thing under easier circumstances. */
  readonly rival?: (Measured & { readonly who: string }) | undefined;
  /** The difference between two halves of a side's rounds, as a factor; a ratio within it is none. @default 1 */
  readonly spread?: number | undefined;
  readonly note?: string | undefined;
}

export interface Measured {
  readonly value: number;
  readonly unit: string;
  /** @default 0 */
  readonly digits?: number;
}

export type Verdict = 'yes' | 'yes, the aim too' | 'within the spread' | 'NO' | 'report' | 'not measured';

export function ratioOf({ ours, rival }: Figure): number | undefined {
  if (ours === undefined || rival === undefined) return undefined;
  const ratio = ours.value / rival.value;
  return Number.isFinite(ratio) ? ratio : undefined;
}

/** Pass = the ratio reaches the bar, or misses it by no more than the spread. */
export function verdictOf(figure: Figure): Verdict {
  const { bar = REPORT, ours, spread = 1 } = figure;
  if (ours === undefined || !Number.isFinite(ours.value)) return 'not measured';
  if (bar.kind === 'report') return 'report';
  if (bar.kind === 'below') return ours.value <= bar.limit ? 'yes' : 'NO';
  const ratio = ratioOf(figure);
  if (ratio === undefined) return 'not measured';
  const reaches = (wanted: number, allowance: number): boolean =>
    bar.kind === 'at least' ? ratio * allowance >= wanted : ratio / allowance <= wanted;
  if (bar.aim !== undefined && reaches(bar.aim, 1)) return 'yes, the aim too';
  if (reaches(bar.ratio, 1)) return 'yes';
  return reaches(bar.ratio, spread) ? 'within the spread' : 'NO';
}

export function barText(bar: Bar = REPORT): string {
  switch (bar.kind) {
    case 'at least':
      return `≥ ${bar.ratio}x${bar.aim === undefined ? '' : `, aim ${bar.aim}x`}`;
    case 'at most':
      return `≤ ${times(bar.ratio)}${bar.aim === undefined ? '' : `, aim ${times(bar.aim)}`}`;
    case 'below':
      return `≤ ${bar.limit} ${bar.unit}`;
    case 'report':
      return 'report';
  }
}

function times(ratio: number): string {
  return `${Number(ratio.toFixed(2))}x`;
}

export function measuredText(measured: Measured | undefined): string {
  if (measured === undefined) return '–';
  const { value, unit, digits = 0 } = measured;
  if (!Number.isFinite(value)) return '–';
  const text = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${text} ${unit}`.trim();
}
