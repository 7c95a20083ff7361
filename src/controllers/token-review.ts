// Whom a bearer token speaks for: the API server says. What it said of a token holds for a moment, so that the restart of
// a thousand proxies is not a thousand questions twice; only digests of tokens are kept.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { TokenFault } from '../model/proxy/credential-fault.ts';
import { createHash } from 'node:crypto';
import { tokenReviews } from './resources.ts';

/** The account of a workload, and its Pod where the token is bound to one. */
export interface ReviewedToken {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string | undefined;
  readonly podUid: string | undefined;
  readonly node: string | undefined;
}

export interface TokenReviewerOptions {
  readonly client: Pick<KubernetesClient, 'create'>;
  /** One of these has to be the token's. */
  readonly audiences: readonly string[];
  /** Told of every token that is not accepted. */
  readonly onRejected?: (fault: TokenFault, account: string | undefined) => void;
  readonly now?: () => number;
  readonly limits?: Partial<TokenReviewLimits>;
}

export interface TokenReviewLimits {
  /** How long an answer holds, in milliseconds: an account that is deleted is let in for so long. */
  readonly acceptedMs: number;
  readonly refusedMs: number;
  /** How many answers are kept; the oldest go first. */
  readonly answers: number;
  /** How many questions are asked at a time, and how many may wait; more are a fault. */
  readonly asked: number;
  readonly waiting: number;
  readonly tokenBytes: number;
}

const defaultLimits: TokenReviewLimits = {
  acceptedMs: 60_000,
  refusedMs: 10_000,
  answers: 20_000,
  asked: 32,
  waiting: 20_000,
  tokenBytes: 16 << 10,
};

/** An account that cannot be accepted is told by its name. */
interface Refusal {
  readonly fault: TokenFault;
  readonly account?: string | undefined;
}

interface Answer {
  readonly result: Promise<ReviewedToken | Refusal>;
  until: number;
}

interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: {
    readonly username?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/** Throws the client's ApiError when the API server does not say. */
export function tokenReviewer(options: TokenReviewerOptions): (token: string) => Promise<ReviewedToken | undefined> {
  const { client, audiences, now = Date.now } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const answers = new Map<string, Answer>();
  const inTurn = turns(limits.asked, limits.waiting);

  const accepted = (result: ReviewedToken | Refusal): ReviewedToken | undefined => {
    if (!('fault' in result)) return result;
    options.onRejected?.(result.fault, result.account);
    return undefined;
  };
  const ask = async (token: string): Promise<ReviewedToken | Refusal> => {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {} };
    const { status } = await inTurn(() =>
      client.create<KubernetesObject>(tokenReviews, { ...review, spec: { token, audiences } }),
    );
    return accountOf(status as ReviewStatus | undefined, audiences);
  };

  return (token) => {
    if (token.length > limits.tokenBytes || !looksLikeToken.test(token))
      return Promise.resolve(accepted({ fault: 'malformed token' }));
    const digest = createHash('sha256').update(token).digest('base64');
    const known = answers.get(digest);
    if (known !== undefined && now() < known.until) return known.result.then(accepted);
    answers.delete(digest);
    const answer: Answer = { result: ask(token), until: Infinity };
    answers.set(digest, answer);
    answer.result.then(
      (result) => (answer.until = now() + ('fault' in result ? limits.refusedMs : limits.acceptedMs)),
      // That nobody answered says nothing of the token.
      () => answers.get(digest) === answer && answers.delete(digest),
    );
    for (const oldest of answers.keys())
      if (answers.size > limits.answers) answers.delete(oldest);
      else break;
    return answer.result.then(accepted);
  };
}

/** Three parts in the alphabet of JSON Web Tokens; anything else is no question worth asking. */
const looksLikeToken = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const accountName = /^system:serviceaccount:([a-z0-9.-]+):([a-z0-9.-]+)$/;

/** A server that knows nothing of audiences says none, and has not looked at them. */
function accountOf(status: ReviewStatus | undefined, audiences: readonly string[]): ReviewedToken | Refusal {
  const { authenticated, user, error = '' } = status ?? {};
  const account = user?.username;
  // For another audience it is no answer with others, but an error.
  if (/\baudiences?\b/.test(error)) return { fault: 'token for another audience', account };
  if (authenticated !== true) return { fault: /\bexpired\b/.test(error) ? 'token expired' : 'token refused' };
  if (status?.audiences?.some((each) => audiences.includes(each)) !== true)
    return { fault: 'token for another audience', account };
  const [, namespace, serviceAccount] = accountName.exec(account ?? '') ?? [];
  if (namespace === undefined || serviceAccount === undefined) return { fault: 'token of no service account', account };
  const extra = (name: string): string | undefined => user?.extra?.[`authentication.kubernetes.io/${name}`]?.[0];
  return { namespace, serviceAccount, pod: extra('pod-name'), podUid: extra('pod-uid'), node: extra('node-name') };
}

/** Runs so many at a time. Rejects when too many wait. */
function turns(atOnce: number, mostWaiting: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (waiting.length >= mostWaiting) throw new Error('too many tokens wait for the API server');
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
