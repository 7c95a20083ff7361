// Requests and what Istio's documentation says becomes of them under a policy: allowed (200), forbidden (403), without a
// good token (401), or no request at all (400).
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
// https://istio.io/latest/docs/reference/config/security/normalization/

export type Verdict = 200 | 400 | 401 | 403;

export interface CorpusRequest {
  readonly path?: string;
  readonly method?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Who sends it: an app of the mesh, or somebody outside at a loopback address. */
  readonly from?: 'guard' | 'thief' | `127.${string}`;
}

export interface CorpusGroup {
  readonly name: string;
  /** `spec` of AuthorizationPolicies. */
  readonly policies: readonly object[];
  readonly cases: readonly (readonly [CorpusRequest, Verdict])[];
}

type Cases = CorpusGroup['cases'];

const paths = (verdict: Verdict, ...all: readonly string[]): Cases => all.map((path) => [{ path }, verdict] as const);
const hosts = (verdict: Verdict, ...all: readonly string[]): Cases => all.map((host) => [{ host }, verdict] as const);
const methods = (verdict: Verdict, ...all: readonly string[]): Cases =>
  all.map((method) => [{ method }, verdict] as const);
const header = (verdict: Verdict, name: string, ...all: readonly (string | readonly string[])[]): Cases =>
  all.map((value) => [{ headers: { [name]: value } }, verdict] as const);
const senders = (verdict: Verdict, ...all: readonly NonNullable<CorpusRequest['from']>[]): Cases =>
  all.map((from) => [{ from }, verdict] as const);

const allow = (...rules: readonly object[]): object => ({ rules });
const deny = (...rules: readonly object[]): object => ({ action: 'DENY', rules });
const operation = (fields: object): object => ({ to: [{ operation: fields }] });
const source = (fields: object): object => ({ from: [{ source: fields }] });
const when = (key: string, values: object): object => ({ when: [{ key, ...values }] });

const aboutPaths: readonly CorpusGroup[] = [
  {
    name: 'DENY of one path',
    policies: [deny(operation({ paths: ['/vault'] }))],
    cases: [
      ...paths(403, '/vault', '/vault?door=1', '/vault?', '/./vault', '/a/../vault', '/a/b/../../vault', '/%76ault', '/va%75lt', '/../vault', '/x/%2e%2e/vault', '/x/%2E%2E/vault', '/%2e/vault', '/x/.%2e/vault', '/\\..\\vault'), // prettier-ignore
      ...paths(200, '/', '/vaults', '/vault/', '/vault/x', '/Vault', '/VAULT', '//vault', '/vault//', '/vault%2F', '/x%2F..%2Fvault', '/vault;a=1', '/a/vault', '/?/vault', '/x?p=/vault', '/vault%20', '/vault.'), // prettier-ignore
      [{ path: '/vault', method: 'POST' }, 403],
      [{ path: '/vault', host: 'any.example' }, 403],
    ],
  },
  {
    name: 'ALLOW by beginning, end and whole',
    policies: [allow(operation({ paths: ['/public/*', '*.css', '/health'] }))],
    cases: [
      ...paths(200, '/public/', '/public/a', '/public/a/b?c', '/x/style.css', '/.css', '/health', '/health?deep=1', '/private/../public/a', '/public/./a', '/public//a', '/x.css?v=2', '/public/%2F', '/public/..%2Fprivate', '/%68ealth'), // prettier-ignore
      ...paths(403, '/', '/public', '/publication', '/healthy', '/health/', '/x.css/', '/x.CSS', '/public/../private', '/public/%2e%2e/private', '/public/../../private', '/public/a/../../private', '/a?x=.css', '//public/a', '/Public/a', '/health%2F'), // prettier-ignore
    ],
  },
  {
    name: 'ALLOW by template',
    policies: [allow(operation({ paths: ['/rooms/{*}/keys', '/files/{**}', '/a/{*}/{*}/z'] }))],
    cases: [
      ...paths(200, '/rooms/7/keys', '/rooms/a-b/keys', '/rooms/7/keys?x', '/files/a', '/files/a/b/c', '/a/1/2/z', '/rooms/x/../7/keys', '/rooms/~me/keys'), // prettier-ignore
      ...paths(403, '/rooms/keys', '/rooms/7/8/keys', '/rooms/7/keys/', '/rooms/7/locks', '/a/1/z', '/a/1/2/3/z', '/files', '/rooms//keys', '/files/../rooms/7'), // prettier-ignore
    ],
  },
  {
    name: 'a path that must not be',
    policies: [allow(operation({ notPaths: ['/admin*', '/metrics'] }))],
    cases: [
      ...paths(200, '/', '/x/admin', '/metrics/x', '/Admin', '//admin', '/adm'),
      ...paths(403, '/admin', '/administrator', '/admin/x', '/metrics', '/metrics?a', '/x/../admin', '/%61dmin', '/./metrics'), // prettier-ignore
    ],
  },
];

const aboutRequests: readonly CorpusGroup[] = [
  {
    name: 'ALLOW by host',
    policies: [allow(operation({ hosts: ['gate.example', '*.shop.example', 'api.*'] }))],
    cases: [
      ...hosts(200, 'gate.example', 'GATE.example', 'Gate.Example', 'a.shop.example', 'a.b.shop.example', 'A.SHOP.EXAMPLE', 'api.', 'api.anything', 'API.x:8080'), // prettier-ignore
      ...hosts(403, 'gate.example:18080', 'gate.example.', 'xgate.example', 'shop.example', 'ashop.example', 'a.shop.example:80', 'a.shop.example.evil', 'xapi.y', 'gate', '10.0.0.1', '[::1]'), // prettier-ignore
    ],
  },
  {
    name: 'DENY by host, port and case included',
    policies: [deny(operation({ hosts: ['evil.example', 'evil.example:*'] }))],
    cases: [
      ...hosts(403, 'evil.example', 'EVIL.example', 'evil.example:80', 'Evil.Example:18080'),
      ...hosts(200, 'evil.example.', 'not-evil.example', 'evil', 'sub.evil.example'),
    ],
  },
  {
    name: 'ALLOW by method',
    policies: [allow(operation({ methods: ['GET', 'P*'], notMethods: ['PURGE'] }))],
    cases: [
      ...methods(200, 'GET', 'POST', 'PUT', 'PATCH', 'PROPFIND'),
      ...methods(403, 'DELETE', 'OPTIONS', 'HEAD', 'PURGE', 'TRACE'),
    ],
  },
  {
    name: 'operations of which any suffices, and fields that all have to hold',
    policies: [
      allow({
        to: [
          { operation: { methods: ['GET'], paths: ['/read*'] } },
          { operation: { methods: ['POST'], paths: ['/write'] } },
        ],
      }),
    ],
    cases: [
      [{ path: '/read' }, 200],
      [{ path: '/reader?x' }, 200],
      [{ path: '/write', method: 'POST' }, 200],
      [{ path: '/write' }, 403],
      [{ path: '/read', method: 'POST' }, 403],
      [{ path: '/' }, 403],
    ],
  },
  {
    name: 'DENY goes before ALLOW',
    policies: [allow({}), deny(operation({ paths: ['/shut*'] }))],
    cases: [...paths(200, '/', '/open'), ...paths(403, '/shut', '/shutter', '/a/../shut')],
  },
  {
    name: 'nothing is allowed by a policy without rules',
    policies: [{}],
    cases: [...paths(403, '/', '/health'), ...senders(403, 'guard', '127.0.0.1')],
  },
  {
    name: 'ALLOW by header',
    policies: [
      allow(
        when('request.headers[x-door]', { values: ['open', 'half-*', '*-ajar'] }),
        when('request.headers[X-Any]', { values: ['*'] }),
      ),
    ],
    cases: [
      ...header(200, 'x-door', 'open', 'half-open', 'half-', 'now-ajar'),
      ...header(200, 'X-DOOR', 'open'),
      ...header(200, 'x-any', 'x', 'y z'),
      // Each value of a repeated header counts for itself.
      ...header(200, 'x-door', ['open', 'shut'], ['shut', 'open'], ['half-a', 'b'], ['b', 'c-ajar']),
      ...header(403, 'x-door', 'Open', 'opened', 'ajar', '', 'open,shut', ['shut', 'Open']),
      ...header(403, 'x-other', 'open'),
    ],
  },
  {
    name: 'DENY by header, and a header that must be there',
    policies: [
      deny(
        when('request.headers[x-agent]', { values: ['bot*'] }),
        when('request.headers[x-token]', { notValues: ['*'] }),
      ),
    ],
    cases: [
      [{ headers: { 'x-token': 'a' } }, 200],
      [{ headers: { 'x-token': 'a', 'x-agent': 'cat' } }, 200],
      [{ headers: { 'x-token': 'a', 'x-agent': 'bot' } }, 403],
      [{ headers: { 'x-token': 'a', 'x-agent': ['bot', 'cat'] } }, 403],
      [{ headers: { 'x-token': 'a', 'x-agent': ['cat', 'bot'] } }, 403],
      [{ headers: {} }, 403],
    ],
  },
];

const aboutSenders: readonly CorpusGroup[] = [
  {
    name: 'ALLOW by principal',
    policies: [allow(source({ principals: ['cluster.local/ns/lab/sa/guard'] }))],
    cases: [...senders(200, 'guard'), ...senders(403, 'thief', '127.0.0.1', '127.9.9.9')],
  },
  {
    name: 'DENY by namespace leaves out who has no identity',
    policies: [deny(source({ namespaces: ['lab'] }))],
    cases: [...senders(403, 'guard', 'thief'), ...senders(200, '127.0.0.1')],
  },
  {
    name: 'DENY of everybody outside a namespace',
    policies: [deny(source({ notNamespaces: ['lab'] }))],
    cases: [...senders(200, 'guard', 'thief'), ...senders(403, '127.0.0.1')],
  },
  {
    name: 'ALLOW by service account but for one principal',
    policies: [
      allow(source({ serviceAccounts: ['guard', 'lab/thief'] })),
      deny(source({ principals: ['*/sa/thief'] })),
    ],
    cases: [...senders(200, 'guard'), ...senders(403, 'thief', '127.0.0.1')],
  },
  {
    name: 'ALLOW of any identity of the trust domain',
    policies: [allow(source({ trustDomains: ['cluster.*'] }))],
    cases: [...senders(200, 'guard', 'thief'), ...senders(403, '127.0.0.1')],
  },
  {
    name: 'ALLOW by address',
    policies: [allow(source({ ipBlocks: ['127.1.0.0/16', '127.2.3.4'], notIpBlocks: ['127.1.7.0/24'] }))],
    cases: [
      ...senders(200, '127.1.0.1', '127.1.255.254', '127.1.6.255', '127.1.8.0', '127.2.3.4'),
      ...senders(403, '127.0.0.1', '127.1.7.1', '127.1.7.255', '127.2.3.5', '127.2.3.3', '127.3.0.1'),
    ],
  },
  {
    name: 'DENY by address, whatever headers say',
    policies: [deny(when('source.ip', { values: ['127.5.0.0/16'] }))],
    cases: [
      ...senders(403, '127.5.0.1', '127.5.255.255'),
      ...senders(200, '127.4.255.255', '127.6.0.1'),
      [{ from: '127.5.0.1', headers: { 'x-forwarded-for': '127.9.9.9' } }, 403],
      [{ from: '127.9.9.9', headers: { 'x-forwarded-for': '127.5.0.1' } }, 200],
    ],
  },
  {
    name: 'sources of which any suffices, under a condition',
    policies: [
      allow({
        from: [{ source: { principals: ['cluster.local/ns/lab/sa/guard'] } }, { source: { ipBlocks: ['127.8.0.1'] } }],
        to: [{ operation: { methods: ['GET'] } }],
        when: [{ key: 'request.headers[x-pass]', values: ['yes'] }],
      }),
    ],
    cases: [
      [{ from: 'guard', headers: { 'x-pass': 'yes' } }, 200],
      [{ from: '127.8.0.1', headers: { 'x-pass': 'yes' } }, 200],
      [{ from: 'guard' }, 403],
      [{ from: 'thief', headers: { 'x-pass': 'yes' } }, 403],
      [{ from: '127.8.0.2', headers: { 'x-pass': 'yes' } }, 403],
      [{ from: 'guard', method: 'POST', headers: { 'x-pass': 'yes' } }, 403],
    ],
  },
];

export const corpus: readonly CorpusGroup[] = [...aboutPaths, ...aboutRequests, ...aboutSenders];
