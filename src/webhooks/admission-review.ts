// The envelope in which the API server asks a webhook about an object and is answered: AdmissionReview of v1 and of
// v1beta1, which differ in nothing that is used here.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: GroupVersionKind;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** Empty while the name is still to be generated. */
  readonly name: string;
  /** Empty for objects that live in no namespace. */
  readonly namespace: string;
  /** As it would be stored; absent for DELETE. Unchecked JSON. */
  readonly object?: unknown;
  readonly oldObject?: unknown;
  /** `status`, `scale`, ...: absent when the object itself is written. */
  readonly subResource?: string;
  readonly dryRun: boolean;
  /** Who writes it; '' if that is not said. */
  readonly username: string;
}

/** One step of RFC 6902. */
export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

export interface AdmissionResponse {
  readonly allowed: boolean;
  /** Why not: shown to the user. */
  readonly message?: string;
  /** HTTP status of a refusal; 400 by default. */
  readonly code?: number;
  /** Shown to the user whether allowed or not. */
  readonly warnings?: readonly string[];
  readonly patch?: readonly JsonPatchOperation[];
}

/** Answers a question that came to `path` (`/validate`, `/inject/cluster/C`). Throws for bugs only. */
export type AdmissionHandler = (request: AdmissionRequest, path: string) => Promise<AdmissionResponse>;

const versions = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'] as const;
const operations = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

export interface AdmissionQuestion {
  readonly apiVersion: (typeof versions)[number];
  readonly request: AdmissionRequest;
}

/** The question in the body of a request, or why it is none. */
export function readReview(body: unknown): AdmissionQuestion | { readonly fault: string } {
  const { apiVersion, kind, request } = record(body);
  const version = versions.find((known) => known === apiVersion);
  if (kind !== 'AdmissionReview' || version === undefined)
    return { fault: `the body is no AdmissionReview of ${versions.join(' or ')}` };
  const {
    uid,
    operation,
    kind: objectKind,
    name,
    namespace,
    object,
    oldObject,
    subResource,
    dryRun,
    userInfo,
  } = record(request);
  // `istioctl kube-inject` asks without a uid, and does not say that what it has is to be made.
  const known = operations.find((each) => each === (operation === '' ? 'CREATE' : operation));
  if (typeof uid !== 'string' || known === undefined)
    return { fault: 'the AdmissionReview has no request with a uid and an operation' };
  return {
    apiVersion: version,
    request: {
      uid,
      kind: groupVersionKind(objectKind),
      operation: known,
      name: text(name),
      namespace: text(namespace),
      ...(isPresent(object) && { object }),
      ...(isPresent(oldObject) && { oldObject }),
      ...(text(subResource) !== '' && { subResource: text(subResource) }),
      dryRun: dryRun === true,
      username: text(record(userInfo)['username']),
    },
  };
}

const mostMessage = 4096;

/** The answer as the API server reads it. */
export function reviewOf({ apiVersion, request }: AdmissionQuestion, response: AdmissionResponse): object {
  const { allowed, message, code = 400, patch } = response;
  const warnings = fitting(response.warnings ?? []);
  return {
    apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid: request.uid,
      allowed,
      ...((message !== undefined || !allowed) && {
        status: { code: allowed ? 200 : code, message: shortened(message ?? 'refused', mostMessage) },
      }),
      ...(warnings.length > 0 && { warnings }),
      ...(patch !== undefined &&
        patch.length > 0 && {
          patchType: 'JSONPatch',
          patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
        }),
    },
  };
}

/** Beyond these the API server cuts them itself, in the middle of a sentence. In bytes. */
const longestWarning = 256;
const mostWarnings = 4096;

function fitting(warnings: readonly string[]): readonly string[] {
  const kept: string[] = [];
  let size = longestWarning;
  for (const warning of new Set(warnings)) {
    const line = shortened(warning, longestWarning);
    size += Buffer.byteLength(line);
    if (size > mostWarnings) return [...kept, `${new Set(warnings).size - kept.length} more warnings`];
    kept.push(line);
  }
  return kept;
}

/** At most `limit` bytes, ending in dots when something is left out. One line, without control characters. */
function shortened(message: string, limit: number): string {
  const line = message.replace(/\p{Cc}+/gu, ' ');
  const bytes = Buffer.from(line);
  if (bytes.length <= limit) return line;
  return `${new TextDecoder().decode(bytes.subarray(0, limit - 3), { stream: true })}...`;
}

const isPresent = (value: unknown): boolean => value !== undefined && value !== null;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const record = (value: unknown): Readonly<Record<string, unknown>> =>
  (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;

function groupVersionKind(value: unknown): GroupVersionKind {
  const { group, version, kind } = record(value);
  return { group: text(group), version: text(version), kind: text(kind) };
}
