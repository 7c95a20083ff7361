// RequestAuthentication: the rules for tokens and their keys.
// https://istio.io/latest/docs/reference/config/security/request_authentication/
import type { JWTRule, KindMap } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { doubtful, invalid, missing } from '../../draft.ts';
import { atMostOne, checkDuration, checkTargets } from '../common.ts';
import { isUsableKey, parseJson } from '../../jwks/public-key.ts';
import { isStrictHeaderName } from '../syntax/header.ts';

export function* requestAuthentication({ spec }: KindMap['RequestAuthentication']): Drafts {
  yield* checkTargets(spec);
  for (const [index, rule] of (spec.jwtRules ?? []).entries()) yield* checkRule(rule, ['spec', 'jwtRules', index]);
}

function* checkRule(rule: JWTRule, path: FieldPath): Drafts {
  yield* atMostOne(rule, path, ['jwksUri', 'jwks_uri', 'jwks']);
  const uri = rule.jwksUri ?? rule.jwks_uri;
  if (!rule.issuer && uri === undefined && rule.jwks === undefined)
    yield missing(path, 'issuer, jwksUri or jwks is required');
  if (uri !== undefined && !isHttpUrl(uri))
    yield invalid([...path, 'jwksUri'], `"${uri}" is not an http:// or https:// address`);
  if (rule.jwks) yield* checkKeys(rule.jwks, [...path, 'jwks']);
  for (const [index, { header }] of (rule.outputClaimToHeaders ?? []).entries()) {
    if (!isStrictHeaderName(header))
      yield invalid([...path, 'outputClaimToHeaders', index, 'header'], `"${header}" is not a header name`);
  }
  for (const [index, { name, prefix }] of (rule.fromHeaders ?? []).entries()) {
    if (!isHeaderText(name) || !isHeaderText(prefix ?? ''))
      yield invalid([...path, 'fromHeaders', index], 'a header has no line breaks');
  }
  if (!isHeaderText(rule.outputPayloadToHeader ?? ''))
    yield invalid([...path, 'outputPayloadToHeader'], 'a header has no line breaks');
  yield* checkDuration(rule.timeout, [...path, 'timeout']);
}

/** What a proxy takes as a header's name or the beginning of its value. */
const isHeaderText = (text: string): boolean => !['\0', '\r', '\n'].some((character) => text.includes(character));

function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '';
}

/** A JSON Web Key or a set of them: https://www.rfc-editor.org/rfc/rfc7517 */
function* checkKeys(jwks: string, path: FieldPath): Drafts {
  const parsed = parseJson(jwks);
  const keys: unknown = typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : [parsed];
  if (!Array.isArray(keys) || !keys.every(isKey)) return yield invalid(path, 'is not a JSON Web Key Set');
  const broken = keys.findIndex((key) => !isUsableKey(key));
  if (broken >= 0)
    return yield invalid(path, `key ${broken + 1} of the set is not one that tokens can be verified with`);
  for (const [index, key] of keys.entries()) {
    if ('d' in key || 'k' in key)
      yield doubtful(path, `key ${index + 1} of the set is private: only publish public keys`);
  }
}

const isKey = (key: unknown): key is object => typeof key === 'object' && key !== null && 'kty' in key;
