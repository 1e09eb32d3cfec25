import type { Case, CaseResult } from '../case.ts';
import type { Style } from '../chain/chain.ts';
import {
  backAfterMs,
  loadBetween,
  loadOfSeconds,
  type Moment,
  type Outage,
  playOutage,
} from '../chain/outage.ts';
import { table } from '../report/markdown.ts';
import { linePlot } from '../report/svg.ts';

const RATE = 100;
const AFTER_MS = 20_000;
const BEFORE_MS = 10_000;

/** The load of the naive chain is smaller: amplified sixteen times, it would measure this machine, not the chain. */
const NAIVE: Outage = { callsPerSecond: 20, beforeMs: 3_000, downMs: 8_000, afterMs: 5_000 };

/** Three services in a row, and the last one is down for a while. */
export const chainCase: Case = {
  name: 'chain',
  title: 'A chain of three services whose last one is down',
  async run({ settings, say }) {
    const measure = async (style: Style, outage: Outage) => {
      const moments = await playOutage(style, outage);
      const load = loadBetween(moments, 0, outage.downMs).toFixed(2);
      const seconds = (backAfterMs(moments, outage.downMs) / 1000).toFixed(1);
      say(`chain: ${style}: load while down ${load}x, back after ${seconds} s`);
      return { style, moments, outage };
    };
    const downMs = settings.outageSeconds * 1000;
    const usual = { callsPerSecond: RATE, beforeMs: BEFORE_MS, downMs, afterMs: AFTER_MS };
    return resultOf(await measure('guarded', usual), await measure('naive', NAIVE));
  },
};

interface Measured {
  readonly style: Style;
  readonly moments: readonly Moment[];
  readonly outage: Outage;
}

function resultOf(guarded: Measured, naive: Measured): CaseResult {
  const during = ({ moments, outage }: Measured): number => loadBetween(moments, 0, outage.downMs);
  const after = loadOfSeconds(guarded.moments, guarded.outage.downMs + 1000, Number.POSITIVE_INFINITY);
  return {
    figures: [
      {
        name: `load on the leaf while it is down for ${guarded.outage.downMs / 1000} s, requests per call`,
        bar: { kind: 'below', limit: 1.3, unit: 'x' },
        ours: { value: during(guarded), unit: 'x', digits: 2 },
        rival: { value: during(naive), unit: 'x', digits: 2, who: '4 attempts at each hop' },
        note: `worst second ${Math.max(...worst(guarded)).toFixed(2)}x`,
      },
      {
        name: 'until the load on the leaf is 1x again',
        bar: { kind: 'below', limit: 10, unit: 's' },
        ours: { value: backAfterMs(guarded.moments, guarded.outage.downMs) / 1000, unit: 's', digits: 1 },
        note: `worst second after it ${Math.max(...after.map(([, load]) => load)).toFixed(2)}x`,
      },
    ],
    plots: [
      {
        name: 'chain',
        title: 'Load on the leaf',
        svg: linePlot({
          title: `Load on the leaf, down for ${guarded.outage.downMs / 1000} s (${naive.outage.downMs / 1000} s with retries at each hop)`,
          xLabel: 'seconds since the start of the run',
          yLabel: 'requests per call, in the second before',
          series: [guarded, naive].map(({ style, moments, outage }) => ({
            label: style === 'guarded' ? 'one owner, budget, breaker' : '4 attempts at each hop',
            points: loadOfSeconds(moments, 1000 - outage.beforeMs, Number.POSITIVE_INFINITY).map(
              ([atMs, load]) => [(atMs + outage.beforeMs) / 1000, load] as const,
            ),
          })),
        }),
      },
    ],
    rounds: table(
      ['chain', 'calls', 'answered', 'requests at the leaf', 'load before', 'while down', 'worst second'],
      [guarded, naive].map((one) => {
        const last = one.moments.at(-1);
        return [
          one.style,
          String(last?.calls ?? 0),
          String(last?.answered ?? 0),
          String(last?.requests ?? 0),
          `${loadBetween(one.moments, -one.outage.beforeMs, 0).toFixed(2)}x`,
          `${during(one).toFixed(2)}x`,
          `${Math.max(...worst(one)).toFixed(2)}x`,
        ];
      }),
    ),
  };
}

function worst({ moments, outage }: Measured): number[] {
  return loadOfSeconds(moments, 0, outage.downMs).map(([, load]) => load);
}
