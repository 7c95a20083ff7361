// Label selection as Kubernetes and Istio define it.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
type Labels = Readonly<Record<string, string>>;

/** The network that a workload, a Service or a Gateway belongs to. */
export const networkLabel = 'topology.istio.io/network';

/** Whether `labels` has every pair of `selector`; an empty selector selects everything. */
export const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

interface LabelSelector {
  readonly matchLabels?: Labels | undefined;
  readonly matchExpressions?: readonly Expression[] | undefined;
}

interface Expression {
  readonly key?: string | undefined;
  readonly operator?: string | undefined;
  readonly values?: readonly string[] | undefined;
}

/** A Kubernetes LabelSelector with its expressions. */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  return (
    selects(selector.matchLabels ?? {}, labels) &&
    (selector.matchExpressions ?? []).every((e) => matchesExpression(e, labels))
  );
}

function matchesExpression(expression: Expression, labels: Labels): boolean {
  const value = labels[expression.key ?? ''];
  const listed = value !== undefined && (expression.values ?? []).includes(value);
  switch (expression.operator) {
    case 'In':
      return listed;
    case 'NotIn':
      return !listed;
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
