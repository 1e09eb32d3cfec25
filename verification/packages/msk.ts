import { addFiles, addPackage, compile, type Project } from './project.ts';
import { runIn } from '../programs.ts';
import type { Tools } from './tools.ts';

/** The signer of AWS, with which the example of the guide “Kafka login” was tried. */
const SIGNER = 'aws-msk-iam-sasl-signer-js';

/** Compiles the example of a token for MSK, and signs with it, without network. */
export async function mskToken(project: Project, { typescript, node }: Tools): Promise<void> {
  await addPackage(project, SIGNER, 'latest');
  await addFiles(project, { 'msk-token.ts': '../../docs/examples/msk-token.ts' });
  await compile(project, typescript['5.9'], node['24'], { skipLibCheck: true });
  const credentials = {
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: 'eu-central-1',
  };
  const print = `process.stdout.write((await (await import('./msk-token.ts')).token()).value)`;
  const code = ['--input-type=module', '--eval', print];
  const { stdout } = await runIn(project.folder, node['24'], code, credentials);
  const signed = new URL(Buffer.from(stdout, 'base64url').toString());
  if (
    signed.host !== 'kafka.eu-central-1.amazonaws.com' ||
    signed.searchParams.get('Action') !== 'kafka-cluster:Connect'
  )
    throw new Error(`the token is for ${signed.host}, action ${String(signed.searchParams.get('Action'))}`);
}
