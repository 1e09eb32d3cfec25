import { graphCommand } from './graph.ts';
import { listCommand, narrativeCommand, showCommand, verifyCommand } from './show.ts';
import { pauseCommand, resumeCommand } from './pause.ts';
import { resolveCommand, retryCommand } from './resolve.ts';

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
