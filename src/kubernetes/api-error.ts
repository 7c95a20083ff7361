// What the API server answered instead of what was asked for, or why there was no answer at all.
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/

/** No answer, or not a whole one: `status` is 0. */
export type ConnectionFault = 'Unreachable' | 'Timeout' | 'TooLarge' | 'Unreadable';

export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP's, or 0 when there was no answer. */
  readonly status: number;
  /** For machines: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`, or a ConnectionFault. */
  readonly reason: string;
  /** How long the server wants us to wait. */
  readonly retryAfterSeconds?: number;

  constructor(status: number, reason: string, message: string, more: { retryAfter?: number; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.status = status;
    this.reason = reason;
    if (more.retryAfter !== undefined) this.retryAfterSeconds = more.retryAfter;
  }
}

/** What a server says in a `Status` object, or in whatever else it answered with `status`. */
export function apiErrorOf(status: number, body: unknown, retryAfterHeader?: string): ApiError {
  const { reason, message, code, details } = asStatus(body);
  const seconds = Number(retryAfterHeader ?? details?.retryAfterSeconds);
  return new ApiError(
    status || Number(code) || 500,
    reason ?? reasons[status] ?? 'Unknown',
    message?.slice(0, longestMessage) ?? `the API server answered ${status}`,
    Number.isFinite(seconds) && seconds > 0 ? { retryAfter: seconds } : {},
  );
}

export const connectionFault = (reason: ConnectionFault, message: string, cause?: unknown): ApiError =>
  new ApiError(0, reason, message, { cause });

export const isApiError = (error: unknown): error is ApiError => error instanceof ApiError;
export const isNotFound = (error: unknown): boolean => isApiError(error) && error.status === 404;
export const isAlreadyExists = (error: unknown): boolean => isApiError(error) && error.reason === 'AlreadyExists';
/** Somebody else changed the object since it was read. */
export const isConflict = (error: unknown): boolean =>
  isApiError(error) && error.status === 409 && error.reason !== 'AlreadyExists';
/** The resourceVersion or the continue token is from too long ago. */
export const isExpired = (error: unknown): boolean => isApiError(error) && error.status === 410;
export const isForbidden = (error: unknown): boolean => isApiError(error) && error.status === 403;
/** It says nothing about the request: there was no answer, or the server was not able to give one just then. */
export const isPassing = (error: unknown): boolean =>
  isApiError(error) &&
  (error.reason === 'Unreachable' || error.reason === 'Timeout' || error.status === 429 || error.status >= 500);

const longestMessage = 2000;
const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number };
}

const asStatus = (body: unknown): Status =>
  typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status' ? body : {};
