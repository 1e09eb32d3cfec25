import { againCommand } from './again.ts';
import { listCommand } from './list.ts';
import { statsCommand } from './stats.ts';
import { tailCommand } from './tail.ts';

export const outboxCommands = [statsCommand, listCommand, tailCommand, againCommand];
