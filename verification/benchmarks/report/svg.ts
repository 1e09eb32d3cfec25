/** A plot: the file's name without its ending, and the picture. */
export interface Plot {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

export interface Bars {
  readonly title: string;
  readonly unit: string;
  /** The bars: one group with a bar each, or several bars side by side. `low` and `high` are drawn as a whisker. */
  readonly bars: readonly {
    readonly label: string;
    readonly value: number;
    readonly low?: number;
    readonly high?: number;
  }[];
}

export interface Lines {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly {
    readonly label: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
  /** The largest x that is drawn. @default the largest x of the data */
  readonly xMax?: number;
}

const WIDTH = 720;
const COLOURS = ['#2563eb', '#0d9488', '#d97706', '#9333ea', '#64748b'];
const GREY = '#64748b';
/** The labels of lines in one row of the legend. */
const LEGEND_COLUMNS = 3;

export function barPlot({ title, unit, bars }: Bars): string {
  const rowHeight = 34;
  const left = 230;
  const right = 130;
  const height = 50 + bars.length * rowHeight + 12;
  const top = niceCeiling(Math.max(0, ...bars.map((bar) => bar.high ?? bar.value).filter(Number.isFinite)));
  const x = (value: number): number => left + (value / top) * (WIDTH - left - right);
  const rows = bars.map((bar, index) => {
    const y = 44 + index * rowHeight;
    const middle = y + 11;
    const label = text(left - 8, middle + 4, bar.label, { anchor: 'end' });
    if (!Number.isFinite(bar.value)) return label + text(left + 6, middle + 4, 'not measured');
    const whisker =
      bar.low === undefined || bar.high === undefined
        ? ''
        : `<path d="M${n(x(bar.low))} ${middle}H${n(x(bar.high))}M${n(x(bar.low))} ${middle - 5}v10M${n(x(bar.high))} ${middle - 5}v10" stroke="#0f172a" fill="none"/>`;
    const box = `<rect x="${left}" y="${y}" width="${n(Math.max(1, x(bar.value) - left))}" height="22" rx="2" fill="${colour(index)}"/>`;
    const figure = `${bar.value.toLocaleString('en-US', { maximumFractionDigits: 0 })} ${unit}`;
    return label + box + whisker + text(x(Math.max(bar.high ?? 0, bar.value)) + 8, middle + 4, figure);
  });
  return page(height, title, rows.join('\n'));
}

export function linePlot({ title, xLabel, yLabel, series, xMax }: Lines): string {
  const legendRows = Math.max(1, Math.ceil(series.length / LEGEND_COLUMNS));
  const box = { left: 78, right: WIDTH - 20, top: 44, bottom: 274 };
  const height = box.bottom + 48 + 18 * legendRows;
  const points = series.flatMap(({ points: some }) => some.filter(([, y]) => Number.isFinite(y)));
  const xTop = niceCeiling(xMax ?? Math.max(0, ...points.map(([x]) => x)));
  const yTop = niceCeiling(Math.max(0, ...points.map(([, y]) => y)));
  const x = (value: number): number => box.left + (value / xTop) * (box.right - box.left);
  const y = (value: number): number => box.bottom - (value / yTop) * (box.bottom - box.top);
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<path d="M${box.left} ${n(y(yTop * share))}H${box.right}" stroke="#e2e8f0"/>`,
    text(box.left - 8, y(yTop * share) + 4, short(yTop * share), { anchor: 'end' }),
    text(x(xTop * share), box.bottom + 18, short(xTop * share), { anchor: 'middle' }),
  ]);
  const curves = series.map(({ points: some }, index) => {
    const path = some
      .filter(([px, py]) => Number.isFinite(py) && px <= xTop)
      .map(([px, py], place) => `${place === 0 ? 'M' : 'L'}${n(x(px))} ${n(y(py))}`);
    return `<path d="${path.join('')}" fill="none" stroke="${colour(index)}" stroke-width="2"/>`;
  });
  const legend = series.map(({ label }, index) => {
    const at = box.left + (index % LEGEND_COLUMNS) * 210;
    const y = height - 18 * (legendRows - Math.floor(index / LEGEND_COLUMNS));
    return `<rect x="${at}" y="${y}" width="12" height="12" fill="${colour(index)}"/>${text(at + 18, y + 10, label)}`;
  });
  const labels = [
    text((box.left + box.right) / 2, box.bottom + 36, xLabel, { anchor: 'middle', fill: GREY }),
    text(box.left, box.top - 8, yLabel, { fill: GREY }),
  ];
  return page(height, title, [...grid, ...curves, ...labels, ...legend].join('\n'));
}

/** The share of the sample (0..1) that is at most x, at 200 points. */
export function cumulative(sample: readonly number[]): (readonly [number, number])[] {
  const sorted = [...sample].sort((a, b) => a - b);
  return Array.from({ length: 200 }, (_, index) => {
    const share = (index + 1) / 200;
    return [sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN, share] as const;
  });
}

/** The next of 1, 2, 2.5, 5, 10 × a power of ten; 1 for nothing. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step =
    [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((candidate) => candidate * power >= value * 0.999999) ?? 10;
  return step * power;
}

function page(height: number, title: string, content: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="${escape(title)}">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${text(16, 24, title, { weight: 600 })}
${content}
</svg>
`;
}

function text(
  x: number,
  y: number,
  content: string,
  { anchor = 'start', fill = '#0f172a', weight = 400 } = {},
): string {
  return `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}" fill="${fill}" font-weight="${weight}">${escape(content)}</text>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? GREY;
}

function short(value: number): string {
  if (value >= 1000) return `${Number((value / 1000).toFixed(1)).toLocaleString('en-US')}k`;
  return String(Number(value.toFixed(2)));
}

function n(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escape(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
