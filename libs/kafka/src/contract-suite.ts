import { describe } from 'vitest';
import { adminContract } from './contract-suite-admin.ts';
import { consumingContract } from './contract-suite-consuming.ts';
import { groupContract } from './contract-suite-groups.ts';
import type { BrokerUnderTest } from './contract-suite-kit.ts';
import { networkContract } from './contract-suite-network.ts';
import { positionContract } from './contract-suite-positions.ts';
import { producingContract } from './contract-suite-producing.ts';
import { sealedContract } from './contract-suite-sealed.ts';

export type { BreakableNetwork, BrokerUnderTest } from './contract-suite-kit.ts';

/** Every obligation of the broker port, as tests: a driver that passes may be used for any of the kit. */
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
