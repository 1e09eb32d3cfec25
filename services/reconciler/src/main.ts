/** The reconciler as a sidecar: runs the reconcilers of CONVERGE__MODULES on their schedules. */
import { run } from 'convergekit/process';

process.exit(await run(['reconcile', 'run', ...process.argv.slice(2)]));
