import { graphCommand } from './graph.ts';
import { listCommand } from './list.ts';
import { narrativeCommand } from './narrative.ts';
import { pauseCommand } from './pause.ts';
import { resolveCommand } from './resolve.ts';
import { resumeCommand } from './resume.ts';
import { retryCommand } from './retry.ts';
import { showCommand } from './show.ts';
import { verifyCommand } from './verify.ts';

export const sagaCommands = [
  listCommand,
  showCommand,
  narrativeCommand,
  verifyCommand,
  retryCommand,
  resolveCommand,
  pauseCommand,
  resumeCommand,
  graphCommand,
];
