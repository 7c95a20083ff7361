// The conditions of an HTTP route.
// https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMatchRequest
import type { HTTPMatchRequest, StringMatch } from '../../../model/schema/index.ts';
import type { Drafts } from '../../draft.ts';
import type { FieldPath } from '../../field-path.ts';
import { invalid } from '../../draft.ts';
import { atMostOne } from '../common.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { isClaim, isHeaderName, isPseudoHeader } from '../syntax/header.ts';
import { isDnsLabel } from '../syntax/host.ts';
import { checkLabels } from '../syntax/labels.ts';
import { regexFault } from '../syntax/regex.ts';

export function* checkHttpMatch(match: HTTPMatchRequest, path: FieldPath): Drafts {
  if (match.uri) yield* checkRegex(match.uri, [...path, 'uri']);
  for (const field of ['scheme', 'method', 'authority'] as const) {
    const condition = match[field];
    if (condition) yield* checkStringMatch(condition, [...path, field]);
  }
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const [name, condition] of Object.entries(match[field] ?? {})) {
      const at = [...path, field, name];
      if (!isClaim(name) && !isPseudoHeader(name) && !isHeaderName(name))
        yield invalid(at, `"${name}" is not a header name`);
      // Without a header, the pattern * means: present with whatever value.
      if (field === 'headers' || condition.regex !== '*') yield* checkStringMatch(condition, at);
    }
  }
  for (const [name, condition] of Object.entries(match.queryParams ?? {}))
    yield* checkStringMatch(condition, [...path, 'queryParams', name]);
  yield* checkLabels(match.sourceLabels, [...path, 'sourceLabels']);
  yield* checkGatewayNames(match.gateways, [...path, 'gateways']);
  const namespace = match.sourceNamespace ?? '';
  if (namespace !== '' && !isDnsLabel(namespace))
    yield invalid([...path, 'sourceNamespace'], `"${namespace}" is not a namespace`);
}

/** As checkRegex, and an empty prefix, which Envoy's string matcher does not take. */
function* checkStringMatch(match: StringMatch, path: FieldPath): Drafts {
  yield* checkRegex(match, path);
  if (match.prefix === '') yield invalid([...path, 'prefix'], 'an empty prefix matches everything: leave it out');
}

export function* checkRegex(match: StringMatch, path: FieldPath): Drafts {
  yield* atMostOne(match, path, ['exact', 'prefix', 'regex']);
  const fault = match.regex === undefined ? undefined : regexFault(match.regex);
  if (fault !== undefined) yield invalid([...path, 'regex'], fault);
}
