import { approveCommand } from './approve.ts';
import { auditCommand } from './audit.ts';
import { diffCommand } from './diff.ts';
import { listCommand } from './list.ts';
import { retryCommand } from './retry.ts';
import { runCommand } from './run.ts';

export const reconcileCommands = [
  runCommand,
  listCommand,
  diffCommand,
  approveCommand,
  auditCommand,
  retryCommand,
];
