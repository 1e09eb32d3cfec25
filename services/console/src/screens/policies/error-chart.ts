import { html, type Html } from '../../layout/html.ts';
import type { ErrorRate } from './error-rate.ts';

const WIDTH = 960;
const HEIGHT = 120;
const TOP = 16;

/** A change of a policy on the time axis. */
export interface Mark {
  readonly version: number;
  readonly name: string;
  readonly changedAt: Date;
}

/** Failed attempts over time, with a line at each change of a policy. The table below the chart has the same in words. */
export function errorChart(rate: ErrorRate, marks: readonly Mark[], caption: string): Html {
  const highest = Math.max(0, ...rate.spans);
  if (highest === 0 && marks.length === 0) return html`<p class="quiet">${caption}: no attempt failed.</p>`;
  const width = WIDTH / rate.spans.length;
  const bars = rate.spans.flatMap((failed, index) => {
    if (failed === 0) return [];
    const height = (failed / highest) * (HEIGHT - TOP);
    return [
      html`<rect
        class="failed"
        x="${round(index * width)}"
        y="${round(HEIGHT - height)}"
        width="${round(width - 1)}"
        height="${round(height)}"
      ></rect>`,
    ];
  });
  const lines = marks.flatMap((mark) => {
    const x = placeOf(mark.changedAt, rate);
    if (x === undefined) return [];
    return [
      html`<line class="change" x1="${x}" x2="${x}" y1="${TOP - 4}" y2="${HEIGHT}"></line>
        <text x="${x + 3}" y="${TOP - 5}">${mark.version} ${mark.name}</text>`,
    ];
  });
  return html`<figure class="chart">
    <figcaption>
      ${caption}; the highest bar is ${highest} ${highest === 1 ? 'attempt' : 'attempts'}
    </figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${caption}">
      ${bars}${lines}
      <line class="axis" x1="0" x2="${WIDTH}" y1="${HEIGHT}" y2="${HEIGHT}"></line>
    </svg>
    <p class="quiet ends">
      <span>${minuteOf(rate.from)}</span>
      <span>${minuteOf(rate.to)}</span>
    </p>
  </figure>`;
}

const minuteOf = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} Z`;

/** The place of a moment on the time axis; undefined = outside it. Pure. */
export function placeOf(at: Date, { from, to }: Pick<ErrorRate, 'from' | 'to'>): number | undefined {
  const share = (at.getTime() - from.getTime()) / (to.getTime() - from.getTime());
  return share < 0 || share > 1 ? undefined : round(share * WIDTH);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
