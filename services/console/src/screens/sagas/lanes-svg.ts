import { html, type Html, nothing } from '../../layout/html.ts';
import type { Arrow, Bar, Lanes, Mark } from './lanes.ts';
import { axisOf, type Axis } from './time-axis.ts';

const LABELS = 190;
const ROW = 30;
const HEAD = 26;
const LANE_GAP = 10;
const BAR = 16;

interface Placed {
  readonly step: string;
  readonly y: number;
}

/** Draws the swim lanes: forward in full bars, waiting hatched, undo in outlined bars with an arrow to the left. */
export function lanesSvg(lanes: Lanes, now: number): Html {
  const times = timesOf(lanes, now);
  const axis = axisOf(times, { from: LABELS, width: 780 });
  const rows: Placed[] = [];
  let y = HEAD;
  const drawn = lanes.lanes.map(({ service, rows: own }) => {
    const top = y;
    const parts = own.map((row) => {
      const at = y;
      rows.push({ step: row.step, y: at });
      y += ROW;
      return html`<text class="step" x="14" y="${at + 19}">${row.step}</text>
        ${row.bars.map((bar) => barOf(bar, at, axis, now))} ${row.marks.map((mark) => markOf(mark, at, axis))}`;
    });
    const height = y - top;
    y += LANE_GAP;
    return html`<rect
        class="lane"
        x="0"
        y="${top - 2}"
        width="${axis.end + 20}"
        height="${height + 4}"
        rx="4"
      />
      <text class="service" x="${LABELS - 12}" y="${top + 19}" text-anchor="end">${service}</text>
      ${parts}`;
  });
  const width = axis.end + 20;
  return html`<div class="scroll" role="region" aria-label="Swim lanes" tabindex="0">
    <svg
      class="lanes"
      viewBox="0 0 ${width} ${y}"
      width="${width}"
      height="${y}"
      role="img"
      aria-labelledby="lanes-title"
    >
      <title id="lanes-title">
        What each service did, on one axis of time. The text below says the same.
      </title>
      ${definitions()}
      ${axis.ticks.map(
        ({ x, text }) =>
          html`<line class="tick" x1="${x}" x2="${x}" y1="${HEAD - 6}" y2="${y - LANE_GAP}" />
            <text class="time" x="${x}" y="${HEAD - 12}" text-anchor="middle">${text}</text>`,
      )}
      ${drawn} ${lanes.arrows.map((arrow) => arrowOf(arrow, rows, axis))}
    </svg>
  </div>`;
}

/** The hatching of what waits, and the tip of an arrow. */
function definitions(): Html {
  return html`<defs>
    <pattern id="waiting" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect class="hatch" width="3" height="6" />
    </pattern>
    <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
      <path class="tip" d="M0 0 L8 4 L0 8 z" />
    </marker>
  </defs>`;
}

function timesOf({ lanes, arrows }: Lanes, now: number): readonly number[] {
  return [
    ...lanes.flatMap(({ rows }) =>
      rows.flatMap(({ bars, marks }) => [
        ...bars.flatMap(({ from, to }) => [from, to ?? now]),
        ...marks.map(({ at }) => at),
      ]),
    ),
    ...arrows.flatMap(({ from, to }) => [from.at, to.at]),
  ];
}

function barOf(bar: Bar, y: number, axis: Axis, now: number): Html {
  const { kind, from, to, text, needsCare } = bar;
  const x = axis.x(from);
  const width = Math.max(5, axis.x(to ?? now) - x);
  const top = y + (ROW - BAR) / 2;
  const middle = top + BAR / 2;
  return html`<g class="bar ${kind} ${needsCare ? 'care' : ''}">
    <title>${text}${to === undefined ? ' – goes on' : ''}</title>
    <rect x="${x}" y="${top}" width="${width}" height="${BAR}" rx="2" />
    ${kind === 'wait' ? html`<rect class="over" x="${x}" y="${top}" width="${width}" height="${BAR}" rx="2" />` : nothing}
    ${kind === 'undo' ? html`<path class="back" d="M${x + width + 7} ${middle} H${x + width + 1} m3 -3 l-3 3 l3 3" />` : nothing}
    ${needsCare ? html`<text class="sign" x="${x + width / 2}" y="${middle + 4}" text-anchor="middle">▲</text>` : nothing}
  </g>`;
}

function markOf({ kind, at, text }: Mark, y: number, axis: Axis): Html {
  const x = axis.x(at);
  const middle = y + ROW / 2;
  return html`<g class="mark ${kind}">
    <title>${text}</title>
    ${
      kind === 'failed'
        ? html`<path d="M${x - 4} ${middle - 4} l8 8 m0 -8 l-8 8" />`
        : html`<circle cx="${x}" cy="${middle}" r="4.5" />`
    }
  </g>`;
}

/** From what made a compensation necessary down, or up, to where the compensation begins. */
function arrowOf({ from, to, text }: Arrow, rows: readonly Placed[], axis: Axis): Html {
  const start = rows.find(({ step }) => step === from.step);
  const end = rows.find(({ step }) => step === to.step);
  if (start === undefined || end === undefined) return nothing;
  const [x1, x2] = [axis.x(from.at), axis.x(to.at)];
  const down = end.y > start.y;
  const y1 = start.y + (down ? ROW - 6 : 6);
  const y2 = end.y + (down ? 6 : ROW - 6);
  const bend = Math.max(10, Math.abs(y2 - y1) / 2) * (down ? 1 : -1);
  return html`<g class="cause">
    <title>${text}</title>
    <path d="M${x1} ${y1} C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}" marker-end="url(#tip)" />
  </g>`;
}
