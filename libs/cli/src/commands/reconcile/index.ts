import { listCommand } from './list.ts';
import { runCommand } from './run.ts';

export const reconcileCommands = [runCommand, listCommand];
