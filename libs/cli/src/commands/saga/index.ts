import { pause, resolve, resume, retry } from '@convergekit/operate/saga';
import { actCommand } from '../../frame/act-command.ts';
import { graphCommand } from './graph.ts';
import { listCommand, narrativeCommand, showCommand, verifyCommand } from './show.ts';

export const sagaCommands = [
  listCommand,
  showCommand,
  narrativeCommand,
  verifyCommand,
  ...[retry, resolve, pause, resume].map(actCommand),
  graphCommand,
];
