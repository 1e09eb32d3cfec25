import { generateAuthToken } from 'aws-msk-iam-sasl-signer-js';

/** For CONVERGE__KAFKA__SASL__TOKEN_MODULE=./msk-token.ts, with the region of the cluster in AWS_REGION */
export async function token(): Promise<{ value: string }> {
  const { AWS_REGION: region = '' } = process.env;
  const { token: value } = await generateAuthToken({ region });
  return { value };
}
