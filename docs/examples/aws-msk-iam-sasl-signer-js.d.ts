/** The part of the package that the example uses: it is not installed here. `make packages ARGS=--all` compiles against its own types. */
declare module 'aws-msk-iam-sasl-signer-js' {
  export function generateAuthToken(options: {
    readonly region: string;
  }): Promise<{ readonly token: string; readonly expiryTime: number }>;
}
