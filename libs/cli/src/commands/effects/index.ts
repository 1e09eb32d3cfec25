import { listCommand } from './list.ts';
import { resolveCommand } from './resolve.ts';
import { retryCommand } from './retry.ts';
import { showCommand } from './show.ts';

export const effectCommands = [listCommand, showCommand, retryCommand, resolveCommand];
