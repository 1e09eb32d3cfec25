import { reasonOf } from '../../../programs.ts';
import { installRivals } from '../rivals/install.ts';
import { byHand } from './by-hand.ts';
import { converge } from './converge.ts';
import { dbos } from './dbos.ts';
import { restate } from './restate.ts';
import type { SagaSide } from './side.ts';

/** The sides that can be measured here, and the reason for each that cannot. */
export interface SagaSides {
  readonly sides: readonly SagaSide[];
  readonly absent: readonly { readonly name: string; readonly why: string }[];
}

const RIVALS = ['DBOS A', 'Restate A', 'DBOS B', 'Restate B'] as const;

/** Returns the sides of the names, all when none is named: the kit's, by hand, and the rivals where npm can install them. */
export async function findSagaSides(
  say: (line: string) => void,
  names: readonly string[],
): Promise<SagaSides> {
  const isWanted = (name: string): boolean => names.length === 0 || names.includes(name);
  const own = [byHand(), converge('B'), converge('A'), converge('A', 'local')];
  const unknown = names.filter((name) => ![...own.map((side) => side.name), ...RIVALS].includes(name));
  if (unknown.length > 0)
    throw new Error(
      `there is no side "${unknown[0]}": ${[...own.map(({ name }) => name), ...RIVALS].join(', ')}`,
    );
  const wanted = own.filter(({ name }) => isWanted(name));
  if (!RIVALS.some(isWanted)) return { sides: wanted, absent: [] };
  try {
    const folder = await installRivals('.converge/saga-rivals', say);
    const rivals = [dbos(folder, 'A'), restate(folder, 'A'), dbos(folder, 'B'), restate(folder, 'B')];
    return { sides: [...wanted, ...rivals.filter(({ name }) => isWanted(name))], absent: [] };
  } catch (error) {
    const why = reasonOf(error);
    say(`DBOS and Restate are not measured: ${why}`);
    return { sides: wanted, absent: RIVALS.filter(isWanted).map((name) => ({ name, why })) };
  }
}
