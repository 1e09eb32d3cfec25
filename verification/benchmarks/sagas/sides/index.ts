import { installRivals } from '../rivals/install.ts';
import { convergeOnKafka, convergeOnLocalBroker } from './converge.ts';
import { dbos } from './dbos.ts';
import { restate } from './restate.ts';
import type { SagaSide } from './side.ts';

/** The sides that can be measured here, and the reason for each that cannot. */
export interface SagaSides {
  readonly sides: readonly SagaSide[];
  readonly absent: readonly { readonly name: string; readonly why: string }[];
}

/** Returns the kit's sides, and the rivals when npm can install them. */
export async function findSagaSides(say: (line: string) => void): Promise<SagaSides> {
  const own = [convergeOnKafka('B'), convergeOnKafka('A'), convergeOnLocalBroker];
  try {
    const folder = await installRivals('.converge/saga-rivals', say);
    const rivals = [dbos(folder, 'A'), restate(folder, 'A'), dbos(folder, 'B'), restate(folder, 'B')];
    return { sides: [...own, ...rivals], absent: [] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    say(`DBOS and Restate are not measured: ${why}`);
    const names = ['DBOS A', 'Restate A', 'DBOS B', 'Restate B'];
    return { sides: own, absent: names.map((name) => ({ name, why })) };
  }
}
