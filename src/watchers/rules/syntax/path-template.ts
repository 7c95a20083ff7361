// Paths with {*} (one segment) and {**} (the rest) as AuthorizationPolicies have them.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation-paths

const segment = /^[-A-Za-z0-9._~%!$&'()+,;:@=]+$/;

/** What is wrong with `path` as a template; a path without braces is none. */
export function pathTemplateFault(path: string): string | undefined {
  const segments = withoutSlashes(path).split('/');
  const isTemplate = path.includes('{*}') || path.includes('{**}');
  const rest = segments.indexOf('{**}');
  if (rest >= 0 && segments.slice(rest + 1).some((part) => part === '{*}' || part === '{**}'))
    return `"${path}": {**} must be the last operator`;
  for (const part of segments) {
    if (part === '{*}' || part === '{**}') continue;
    if (/[{}]/.test(part)) return `"${path}": a brace can only be part of {*} or {**} as a whole segment`;
    if (isTemplate && !segment.test(part)) return `"${path}": the segment "${part}" has characters a path cannot have`;
  }
  return undefined;
}

function withoutSlashes(path: string): string {
  let [start, end] = [0, path.length];
  while (start < end && path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end);
}
