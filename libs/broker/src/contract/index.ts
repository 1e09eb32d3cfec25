import { describe } from 'vitest';
import { adminContract } from './admin.ts';
import { consumingContract } from './consuming.ts';
import { groupContract } from './groups.ts';
import { type BrokerUnderTest, HANGS_MS } from './kit.ts';
import { networkContract } from './network.ts';
import { positionContract } from './positions.ts';
import { producingContract } from './producing.ts';

export {
  type BreakableNetwork,
  type BrokerUnderTest,
  collect,
  Kit,
  record,
  records,
  values,
  written,
} from './kit.ts';

const PARTS = {
  producing: producingContract,
  admin: adminContract,
  consuming: consumingContract,
  positions: positionContract,
  groups: groupContract,
  network: networkContract,
} as const;

export type ContractPart = keyof typeof PARTS;
const ALL = Object.keys(PARTS) as ContractPart[];

/**
 * Tests every obligation of the broker port: a driver that passes works with the whole kit. Fewer `parts` are for a
 * driver that shares the code of the others with a driver that passes.
 */
export function brokerContract(
  name: string,
  setup: () => BrokerUnderTest,
  parts: readonly ContractPart[] = ALL,
): void {
  describe(`the ${name} driver`, { timeout: HANGS_MS }, () => {
    for (const part of parts) PARTS[part](setup);
  });
}
