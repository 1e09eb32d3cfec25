import { againCommand } from './again.ts';
import { listCommand, tailCommand } from './list.ts';
import { statsCommand } from './stats.ts';

export const outboxCommands = [statsCommand, listCommand, tailCommand, againCommand];
