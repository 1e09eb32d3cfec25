import { listCommand } from './list.ts';
import { resolveCommand } from './resolve.ts';
import { retryCommand } from './retry.ts';
import { showCommand } from './show.ts';
import { verifyCommand } from './verify.ts';

export const workflowCommands = [listCommand, showCommand, verifyCommand, retryCommand, resolveCommand];
