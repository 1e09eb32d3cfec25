export type ContractErrorCode =
  | 'DEFINITION_INVALID'
  | 'SCHEMA_ASYNC'
  | 'DATA_INVALID'
  | 'DATA_NOT_JSON'
  | 'DATA_CHANGES_WHEN_READ'
  | 'KEY_INVALID'
  | 'PAYLOAD_TOO_LARGE'
  | 'PAYLOAD_LONE_SURROGATE'
  | 'PAYLOAD_MISSING'
  | 'PAYLOAD_NOT_TEXT'
  | 'PAYLOAD_NOT_JSON'
  | 'PAYLOAD_FORBIDDEN_KEY'
  | 'CONTENT_TYPE_UNSUPPORTED'
  | 'HEADERS_INVALID'
  | 'HEADER_RESERVED'
  | 'HEADER_MISSING'
  | 'POSITION_INVALID'
  | 'SIGNATURE_MISSING'
  | 'SIGNATURE_INVALID'
  | 'TYPE_MISMATCH'
  | 'VERSION_UNKNOWN'
  | 'UPCAST_FAILED'
  | 'SCHEMAS_UNREADABLE'
  | 'SCHEMAS_INCOMPATIBLE';

/** The path and message of one violation, never the value. Payloads do not belong in logs. */
export interface ContractIssue {
  readonly path: string;
  readonly message: string;
}

export interface ContractErrorDetail {
  readonly issues?: readonly ContractIssue[];
  readonly cause?: unknown;
}

/**
 * The error of data that breaks a contract: nothing was written (emit) or applied (receipt).
 * Retrying the same bytes cannot help. The resilience package classifies it by `code`, `category` and `certainty`.
 */
export class ContractError extends Error {
  readonly code: ContractErrorCode;
  readonly category = 'data';
  readonly certainty = 'not_applied';
  readonly issues: readonly ContractIssue[];

  constructor(code: ContractErrorCode, message: string, detail: ContractErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'ContractError';
    this.code = code;
    this.issues = detail.issues ?? [];
  }
}
