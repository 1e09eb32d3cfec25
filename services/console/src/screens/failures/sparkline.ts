import { html, type Html } from '../../layout/html.ts';

const WIDTH = 120;
const HEIGHT = 22;

/** Draws counts over time as bars; the tallest is as high as the picture. `label`: what it shows, read out. */
export function sparkline(counts: readonly number[], label: string): Html {
  const most = Math.max(1, ...counts);
  const each = WIDTH / Math.max(1, counts.length);
  const bars = counts.flatMap((count, index) => {
    // A part with few events is still to be seen beside one with many.
    const height = count === 0 ? 0 : Math.max(2, Math.round((count / most) * HEIGHT));
    return height === 0
      ? []
      : [`M${(index * each).toFixed(1)} ${HEIGHT}v-${height}h${(each - 1).toFixed(1)}v${height}z`];
  });
  return html`<svg
    class="spark"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    width="${WIDTH}"
    height="${HEIGHT}"
    role="img"
    aria-label="${label}"
  >
    <path class="ground" d="M0 ${HEIGHT - 0.5}H${WIDTH}" />
    <path class="counts" d="${bars.join('')}" />
  </svg>`;
}
