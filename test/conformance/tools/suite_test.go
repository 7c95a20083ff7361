// Gateway API's own conformance suite as a program: `go test -c` makes it, and its flags are the suite's.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestGatewayAPI(t *testing.T) { conformance.RunConformance(t) }
