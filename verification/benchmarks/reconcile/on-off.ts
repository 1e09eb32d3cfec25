import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import type { CaseResult, World } from '../case.ts';
import { inTurn } from '../cases/drain.ts';
import { type Child, startChild } from '../measure/child.ts';
import { median, quantile, spread } from '../measure/statistics.ts';
import type { Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { openService, type Service } from './service.ts';

const LIMIT_MS = 300_000;

/** One turn of load. Times in milliseconds. */
interface Turn {
  readonly p50: number;
  readonly p99: number;
  /** The repairs of the reconciler meanwhile. */
  readonly repairs: number;
}

type Way = 'off' | 'on';
type Turns = Readonly<Record<Way, readonly Turn[]>>;

/** Measures a service under load in turn without and with a reconciler process on its database. */
export async function measureOnOff(world: World): Promise<Pick<CaseResult, 'figures' | 'rounds'>> {
  const { rate, seconds, tailRounds, rows, quick } = world.settings;
  const service = await openService(world, Math.min(rows, quick ? 20_000 : 200_000));
  const turns: Record<Way, Turn[]> = { off: [], on: [] };
  try {
    await service.load(rate, seconds); // to warm up
    for (let round = 1; round <= tailRounds; round += 1)
      for (const way of inTurn<Way>(['off', 'on'], round)) {
        const turn = way === 'on' ? await turnOn(world, service) : await turnOf(service, rate, seconds);
        turns[way].push(turn);
        world.say(
          `reconcile, round ${round}: the service with the reconciler ${way} p50 ${turn.p50.toFixed(2)} ms, p99 ${turn.p99.toFixed(2)} ms, ${turn.repairs} repairs`,
        );
      }
  } finally {
    await service.remove();
  }
  return { figures: onOffFigures(turns, rate), rounds: onOffTable(turns) };
}

/** A turn beside a reconciler process that has done all earlier work. */
async function turnOn(world: World, service: Service): Promise<Turn> {
  const { rate, seconds } = world.settings;
  const child = startReconciler(world, service);
  const stopped = world.cleanup.add(() => child.stop());
  try {
    const isCaughtUp = async (): Promise<boolean> => {
      child.assertAlive();
      const { ranges, due, reported, waiting } = await service.progress();
      return ranges > 0 && due + reported + waiting === 0;
    };
    await waitUntil(isCaughtUp, { what: 'the reconciler to catch up', deadlineMs: LIMIT_MS });
    const turn = await turnOf(service, rate, seconds);
    if (turn.repairs === 0) throw new Error('the reconciler repaired nothing while it was measured');
    return turn;
  } finally {
    await stopped();
  }
}

async function turnOf(service: Service, rate: number, seconds: number): Promise<Turn> {
  const { repairs: before } = await service.progress();
  // The first second is not counted.
  const took = (await service.load(rate, seconds + 1)).slice(rate);
  const { repairs } = await service.progress();
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99), repairs: repairs - before };
}

function startReconciler({ folder }: World, { serviceUrl, wantedUrl }: Service): Child {
  return startChild({
    name: 'the reconciler',
    command: process.execPath,
    args: ['--conditions=source', 'services/reconciler/src/main.ts'],
    env: {
      CONVERGE__RECONCILE__MODULES: './verification/benchmarks/reconcile/service-reconciler.ts',
      CONVERGE__RECONCILE__DATABASES__SERVICE: serviceUrl,
      CONVERGE__RECONCILE__DATABASES__WANTED: wantedUrl,
      CONVERGE__RECONCILE__LEASE_MS: '5000',
    },
    logFile: join(folder, 'reconciler.log'),
  });
}

export function onOffFigures(turns: Turns, rate: number): readonly Figure[] {
  return (['p50', 'p99'] as const).map((which): Figure => {
    const of = (way: Way): readonly number[] => turns[way].map((turn) => turn[which]);
    return {
      name: `${which} of a service at ${rate} tx/s, reconciler on / off`,
      bar: which === 'p99' ? { kind: 'at most', ratio: 1.05 } : { kind: 'report' },
      ours: { value: median(of('on')), unit: 'ms', digits: 2 },
      rival: { value: median(of('off')), unit: 'ms', digits: 2, who: 'off' },
      spread: spread(of('off')),
    };
  });
}

function onOffTable({ off, on }: Turns): string {
  return table(
    ['round', 'off p50', 'off p99', 'on p50', 'on p99', 'repairs while on'],
    off.map((one, index) => [
      String(index + 1),
      ...[one.p50, one.p99, on[index]?.p50, on[index]?.p99].map(
        (ms) => `${(ms ?? Number.NaN).toFixed(2)} ms`,
      ),
      String(on[index]?.repairs ?? 0),
    ]),
  );
}

export const ON_OFF_METHOD = `Service under load: an open loop of \`outbox.transaction\` (an order is locked and changed, two lines, one event) over 8 connections; a transaction's time counts from the moment at which it was due. In each second five
orders drift by SQL and are reported, with the reconciler on and off. On: the sidecar, a process of its own, runs each second over the same database, hashes what was reported and every order once a minute, and repairs.
Sides in turn; the first second of a turn is left out; a turn with the reconciler on begins when it has caught up, and fails if it repairs nothing. A/A is the factor between odd and even rounds with the reconciler off. All share the machine: Postgres, the service and the reconciler.`;
