// istiod's command line, read as ours: manifests that were written for it start this daemon as well. What has a meaning here
// is taken over, everything else is told and left out.
// https://istio.io/latest/docs/reference/commands/pilot-discovery/

export interface ReadFlags {
  /** With our own options in the place of istiod's. */
  readonly argv: readonly string[];
  readonly warnings: readonly string[];
}

type Meaning = (value: string) => readonly string[] | { readonly without: string };

const as =
  (option: string): Meaning =>
  (value) => [`--${option}=${value}`];

/** `:8080` is every address of the machine; empty is no port at all. */
const address =
  (option: string): Meaning =>
  (value) => [`--${option}=${value === '' ? 'off' : value.replace(/^:/, '0.0.0.0:')}`];

const nothing =
  (without: string): Meaning =>
  () => ({ without });
const elsewhere = (where: string): Meaning => nothing(`that is set by ${where}`);

const meanings: Readonly<Record<string, Meaning>> = {
  httpAddr: address('http-address'),
  monitoringAddr: address('monitoring-address'),
  secureGRPCAddr: address('xds-address'),
  httpsAddr: address('webhook-address'),
  grpcAddr: address('plaintext-address'),
  ctrlz_port: (value) => [`--controlz-address=${value === '0' ? 'off' : `127.0.0.1:${value}`}`],
  ctrlz_address: nothing('it listens on the machine itself only'),
  configDir: as('config'),
  keepaliveMaxServerConnectionAge: as('connection-age'),
  revision: as('revision'),
  log_as_json: (value) => (isTrue(value) ? ['--json'] : []),
  log_output_level: (value) => [`--log-level=${levelOf(value)}`],
  domain: (value) => (value === 'cluster.local' ? [] : { without: 'the domain of the cluster is cluster.local' }),
  meshConfig: elsewhere('the ConfigMap istio'),
  networksConfig: elsewhere('the ConfigMap istio'),
  tlsCertFile: nothing('its certificate comes from its own authority'),
  tlsKeyFile: nothing('its certificate comes from its own authority'),
  caCertFile: nothing('its certificate comes from its own authority'),
  injectionDirectory: elsewhere('the ConfigMap istio-sidecar-injector'),
};

/** Those without a value: what stands behind them is something else. */
const switches = new Set(['disable-install-crds', 'log_as_json', 'log_caller', 'profile', 'vklog']);

/**
 * `argv` of `serve`, whose options are `own`. Flags that are neither ours nor spelt as istiod spells its own are left for
 * the parser to refuse, unless `lenient`.
 */
export function readIstiodFlags(argv: readonly string[], own: ReadonlySet<string>, lenient: boolean): ReadFlags {
  const read: string[] = [];
  const warnings: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    const [, name = '', given] = /^--?([^=-][^=]*)(?:=(.*))?$/s.exec(word) ?? [];
    const meaning = Object.hasOwn(meanings, name) ? meanings[name] : undefined;
    const isKnown = meaning !== undefined || switches.has(name) || /[A-Z_]/.test(name);
    const isForeign = name !== '' && !own.has(name) && (isKnown || lenient);
    if (!isForeign) {
      read.push(word);
      continue;
    }
    const next = argv[index + 1];
    const takesNext = given === undefined && !switches.has(name) && next !== undefined && !next.startsWith('-');
    if (takesNext) index += 1;
    const result = meaning?.(given ?? (takesNext ? next : 'true')) ?? { without: 'nothing here goes by it' };
    if ('without' in result) warnings.push(`${word.replace(/=.*/s, '')} has no effect: ${result.without}`);
    else read.push(...result);
  }
  return { argv: read, warnings };
}

const isTrue = (text: string): boolean => ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);

/** `default:info,ads:debug`: the level of everything that is not named. */
function levelOf(text: string): string {
  const levels = text.split(',').map((part) => part.split(':'));
  const [, level] = levels.find(([scope]) => scope === 'default' || scope === 'all') ?? levels[0] ?? [];
  return level ?? levels[0]?.[0] ?? 'info';
}
