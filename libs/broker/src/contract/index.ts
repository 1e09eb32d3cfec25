import { describe } from 'vitest';
import { adminContract } from './admin.ts';
import { consumingContract } from './consuming.ts';
import { groupContract } from './groups.ts';
import type { BrokerUnderTest } from './kit.ts';
import { networkContract } from './network.ts';
import { positionContract } from './positions.ts';
import { producingContract } from './producing.ts';
import { sealedContract } from './sealed.ts';

export {
  type BreakableNetwork,
  type BrokerUnderTest,
  collect,
  Kit,
  record,
  records,
  until,
  values,
  written,
} from './kit.ts';

/** Tests every obligation of the broker port: a driver that passes works with the whole kit. */
export function brokerContract(name: string, setup: () => BrokerUnderTest): void {
  describe(`the ${name} driver`, () => {
    producingContract(setup);
    sealedContract(setup);
    adminContract(setup);
    consumingContract(setup);
    positionContract(setup);
    groupContract(setup);
    networkContract(setup);
  });
}
